// Numbers of half precision: 16 bits in memory, and float wherever they are computed with.
//
// A word is what lies in memory. Word(value) rounds to nearest even if the word is a Half; every
// other word is a value already. Half turns into float by itself, which is exact.

#pragma once

// Functions of libdevice, with which NVRTC links all code: an instruction each, and no header.
extern "C" __device__ float __nv_half2float(unsigned short bits);
extern "C" __device__ unsigned short __nv_float2half_rn(float value);

namespace kapre {

struct Half {
    unsigned short bits;
    Half() = default;
    explicit __device__ __forceinline__ Half(float value) : bits(__nv_float2half_rn(value)) {}
    __device__ __forceinline__ operator float() const { return __nv_half2float(bits); }
};

// Two neighbouring words, which one instruction loads.
struct __align__(4) Half2 {
    Half x, y;
};
template <class Word>
struct PairOf;
template <>
struct PairOf<Half> {
    typedef Half2 Type;
};
template <>
struct PairOf<float> {
    typedef float2 Type;
};
template <>
struct PairOf<double> {
    typedef double2 Type;
};

}  // namespace kapre
