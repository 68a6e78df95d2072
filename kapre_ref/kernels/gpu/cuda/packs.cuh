// Neighbouring elements that one instruction loads or stores.

#pragma once
#include "half.cuh"

namespace kapre {

typedef long long i64;

template <class T, int WIDTH>
struct __align__(sizeof(T) * WIDTH) Pack {
    T element[WIDTH];
};

template <int WIDTH, class T>
__device__ __forceinline__ Pack<T, WIDTH> load(const T* from) {
    return *reinterpret_cast<const Pack<T, WIDTH>*>(from);
}

template <class T, int WIDTH>
__device__ __forceinline__ void store(T* to, const Pack<T, WIDTH>& pack) {
    *reinterpret_cast<Pack<T, WIDTH>*>(to) = pack;
}

// Of a structure the compiler may make four stores; an intrinsic function is one for certain.
__device__ __forceinline__ void store(float* to, const Pack<float, 4>& pack) {
    __stcg(reinterpret_cast<float4*>(to),
           make_float4(pack.element[0], pack.element[1], pack.element[2], pack.element[3]));
}
__device__ __forceinline__ void store(Half* to, const Pack<Half, 4>& pack) {
    const unsigned low = pack.element[0].bits | (unsigned)pack.element[1].bits << 16;
    const unsigned high = pack.element[2].bits | (unsigned)pack.element[3].bits << 16;
    __stcg(reinterpret_cast<uint2*>(to), make_uint2(low, high));
}

}  // namespace kapre
