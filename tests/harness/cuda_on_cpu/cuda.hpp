// As much of CUDA C++ as this project's kernels need, for g++: what NVRTC declares by itself, and
// the glue by which the runtime calls a kernel. Prepended to the kernels' source.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

#define __global__
#define __device__
#define __host__
#define __constant__ static const
#define __grid_constant__
#define __shared__ static __attribute__((aligned(128)))
#define __forceinline__ inline __attribute__((always_inline))
#define __noinline__ __attribute__((noinline))
#define __launch_bounds__(...)
#define __align__(n) __attribute__((aligned(n)))
#define __restrict__ __restrict
#define EMU_UNWATCHED __attribute__((no_sanitize("thread")))

// ---- Vectors. Their alignment is what makes a misaligned access visible.
struct __align__(8) float2 {
    float x, y;
};
struct __align__(16) float4 {
    float x, y, z, w;
};
struct __align__(8) int2 {
    int x, y;
};
struct __align__(8) uint2 {
    unsigned x, y;
};
struct __align__(16) uint4 {
    unsigned x, y, z, w;
};
struct __align__(16) double2 {
    double x, y;
};
struct dim3 {
    unsigned x, y, z;
};
inline __attribute__((always_inline)) float2 make_float2(float x, float y) {
    return {x, y};
}
inline __attribute__((always_inline)) float4 make_float4(float x, float y, float z, float w) {
    return {x, y, z, w};
}
inline __attribute__((always_inline)) uint2 make_uint2(unsigned x, unsigned y) {
    return {x, y};
}
inline __attribute__((always_inline)) double2 make_double2(double x, double y) {
    return {x, y};
}

// ---- Where a thread is.
struct EmuIndices {
    dim3 tid, bid, bdim, gdim;
};
extern "C" {
extern EmuIndices emu_idx;
extern unsigned char* emu_dynamic_shared;
void emu_sync(int line);
uint64_t emu_warp(int operation, unsigned mask, uint64_t value, int source);
void emu_atomic(const void* address, int size);
void emu_read_fresh(const void* address, int size);
void emu_fence();
}
#define threadIdx (emu_idx.tid)
#define blockIdx (emu_idx.bid)
#define blockDim (emu_idx.bdim)
#define gridDim (emu_idx.gdim)
#define warpSize 32

// ---- Threads that meet.
#define __syncthreads() emu_sync(__LINE__)
inline int emu_any;  // of the votes of a block
EMU_UNWATCHED inline int emu_sync_or(int predicate, int line) {
    emu_sync(line);  // all have read the last result
    emu_any = 0;
    emu_sync(line);
    emu_any |= predicate != 0;
    emu_sync(line);
    return emu_any;
}
#define __syncthreads_or(predicate) emu_sync_or(predicate, __LINE__)
enum { EMU_SYNC, EMU_SHUFFLE, EMU_BALLOT };
inline int emu_lane() {
    return (threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z)) & 31;
}
template <class T>
EMU_UNWATCHED inline T emu_shuffle(unsigned mask, T value, int source) {
    static_assert(sizeof(T) <= 8, "shuffle of at most 8 bytes");
    uint64_t bits = 0;
    memcpy(&bits, &value, sizeof value);
    bits = emu_warp(EMU_SHUFFLE, mask, bits, source);
    memcpy(&value, &bits, sizeof value);
    return value;
}
template <class T>
inline T __shfl_sync(unsigned mask, T value, int source, int width = 32) {
    return emu_shuffle(mask, value, (emu_lane() & ~(width - 1)) | (source & (width - 1)));
}
template <class T>
inline T __shfl_xor_sync(unsigned mask, T value, int distance) {
    return emu_shuffle(mask, value, emu_lane() ^ distance);
}
template <class T>
inline T __shfl_down_sync(unsigned mask, T value, int distance) {
    const int lane = emu_lane();
    return emu_shuffle(mask, value, lane + distance < 32 ? lane + distance : lane);
}
inline void __syncwarp(unsigned mask = 0xffffffffu) {
    emu_warp(EMU_SYNC, mask, 0, 0);
}
inline unsigned __ballot_sync(unsigned mask, int predicate) {
    return (unsigned)emu_warp(EMU_BALLOT, mask, predicate != 0, 0);
}
inline int __any_sync(unsigned mask, int predicate) {
    return __ballot_sync(mask, predicate) != 0;
}
inline int __all_sync(unsigned mask, int predicate) {
    return __ballot_sync(mask, predicate) == mask;
}
inline __attribute__((always_inline)) void __threadfence() {
    emu_fence();
}
template <class T>
EMU_UNWATCHED __noinline__ T emu_read(const T* address) {
    T value;
    memcpy(&value, address, sizeof value);  // it may have been written as another type
    return value;
}
template <class T>
EMU_UNWATCHED __noinline__ void emu_write(T* address, T value) {
    *address = value;
}
template <class T>
inline __attribute__((always_inline)) T atomicExch(T* address, T value) {
    emu_atomic(address, sizeof(T));
    const T before = emu_read(address);
    emu_write(address, value);
    return before;
}
template <class T>
inline __attribute__((always_inline)) T atomicMax(T* address, T value) {
    emu_atomic(address, sizeof(T));
    const T before = emu_read(address);
    emu_write(address, std::max(before, value));
    return before;
}
// The next number, or 0 behind `last`.
inline __attribute__((always_inline)) unsigned atomicInc(unsigned* address, unsigned last) {
    emu_atomic(address, sizeof(unsigned));
    const unsigned before = emu_read(address);
    emu_write(address, before >= last ? 0 : before + 1);
    return before;
}

// ---- Functions.
using std::max;
using std::min;
inline int __float_as_int(float f) {
    int bits;
    memcpy(&bits, &f, 4);
    return bits;
}
inline unsigned __float_as_uint(float f) {
    return (unsigned)__float_as_int(f);
}
inline long long __double_as_longlong(double d) {
    long long bits;
    memcpy(&bits, &d, 8);
    return bits;
}
inline double __longlong_as_double(long long bits) {
    double d;
    memcpy(&d, &bits, 8);
    return d;
}
template <class T>
inline void __stcg(T* address, T value) {
    *address = value;
}
template <class T>
inline __attribute__((always_inline)) T __ldcg(const T* address) {
    emu_read_fresh(address, sizeof(T));
    return emu_read(address);
}
// Never joined to one operation with what surrounds them.
__noinline__ inline float __fadd_rn(float a, float b) {
    return a + b;
}
__noinline__ inline float __fmul_rn(float a, float b) {
    return a * b;
}
inline float __uint_as_float(unsigned bits) {
    float f;
    memcpy(&f, &bits, 4);
    return f;
}
// What NVRTC finds in libdevice. Exponents of float are those of float16 and 112; the smallest
// float16 are multiples of 2^-24.
extern "C" inline float __nv_half2float(unsigned short half) {
    const unsigned sign = (half & 0x8000u) << 16, rest = half & 0x7fffu;
    if (rest >= 0x7c00u) return __uint_as_float(sign | 0x7f800000u | (rest & 0x3ffu) << 13);
    if (rest >= 0x400u) return __uint_as_float(sign | ((rest << 13) + (112u << 23)));
    return copysignf((float)rest * 0x1p-24f, __uint_as_float(sign));
}
extern "C" inline unsigned short __nv_float2half_rn(float value) {
    const unsigned bits = __float_as_uint(value), sign = bits >> 16 & 0x8000u;
    const float size = fabsf(value);
    if (size != size) return sign | 0x7fffu;
    if (size >= 65520.0f) return sign | 0x7c00u;  // half way to what would be the next one
    if (size < 0x1p-14f) return sign | (unsigned)nearbyintf(size * 0x1p24f);
    const unsigned rest = bits & 0x7fffffffu;  // the last 13 bits are too many; ties to even
    return sign | ((rest + 0xfffu + (rest >> 13 & 1u)) - (112u << 23)) >> 13;
}

// ---- Kernels as the runtime sees them: a function of an array of pointers to arguments.
struct EmuParameter {
    int size, kind;  // kind: an index into those of module.py
};
template <class T>
constexpr EmuParameter emu_parameter() {
    using U = std::remove_cv_t<T>;
    int kind = 5;
    if (std::is_pointer_v<U>) kind = std::is_const_v<std::remove_pointer_t<U>> ? 1 : 0;
    if (std::is_integral_v<U>) kind = std::is_signed_v<U> ? 2 : 3;
    if (std::is_floating_point_v<U>) kind = 4;
    return {(int)sizeof(U), kind};
}
template <class... A>
struct EmuSignature {
    static constexpr int n = sizeof...(A);
    static constexpr EmuParameter parameters[n ? n : 1] = {emu_parameter<A>()...};
};
template <class... A, size_t... I>
EMU_UNWATCHED inline void emu_apply(void (*kernel)(A...), void** a, std::index_sequence<I...>) {
    kernel(*(std::remove_reference_t<A>*)a[I]...);
}
template <class... A>
EMU_UNWATCHED inline void emu_call(void (*kernel)(A...), void** a) {
    emu_apply(kernel, a, std::index_sequence_for<A...>{});
}
template <class... A>
constexpr EmuSignature<A...> emu_signature(void (*)(A...)) {
    return {};
}
#define EMU_EXPORT(i, ...)                                        \
    extern "C" EMU_UNWATCHED void emu_body_##i(void** a) {        \
        emu_call(&__VA_ARGS__, a);                                \
    }                                                             \
    extern "C" int emu_n_parameters_##i() {                       \
        return decltype(emu_signature(&__VA_ARGS__))::n;          \
    }                                                             \
    extern "C" const EmuParameter* emu_parameters_##i() {         \
        return decltype(emu_signature(&__VA_ARGS__))::parameters; \
    }
