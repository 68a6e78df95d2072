// Logarithms of values that are not negative, to any base, with a gain and an offset folded in.

#pragma once

namespace kapre {

// Numbers that are not negative sort as their bits do, those of inf and NaN come last.
__device__ __forceinline__ unsigned bits(float value) {
    return __float_as_uint(value);
}
__device__ __forceinline__ unsigned long long bits(double value) {
    return __double_as_longlong(value);
}
template <class Real>
using Bits = decltype(bits(Real()));
__device__ __forceinline__ float from_bits(unsigned bits) {
    return __uint_as_float(bits);
}
__device__ __forceinline__ double from_bits(unsigned long long bits) {
    return __longlong_as_double(bits);
}

// A value as its logarithm is taken of it: not below zero, and with what is added to it.
template <class Real>
__device__ __forceinline__ Real addend_of_log(Real value, Real added) {
    return (value <= 0 ? 0 : value) + added;  // NaN stays
}

// factor * log(value) + shift. What is not above `floor` becomes `least`, which the host computes
// from the floor as it was given: of that floor, whatever CuPy compiles takes a subnormal float32
// for zero. `task` has these numbers. A float32 has a natural logarithm here; a float64 may have
// the decimal one, which is a whole number if the value is a power of ten.
template <class Task>
__device__ __forceinline__ float scaled_log(float value, const Task& task) {
    const float result = task.factor * logf(value) + task.shift;
    return value <= task.floor ? task.least : result;
}
template <class Task>
__device__ __forceinline__ double scaled_log(double value, const Task& task) {
    if (value <= task.floor) return task.least;
    return task.factor * (task.decimal ? log10(value) : log(value)) + task.shift;
}

}  // namespace kapre
