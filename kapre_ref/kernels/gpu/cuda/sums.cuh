// Sums whose error does not grow with their length.

#pragma once

namespace kapre {

typedef long long i64;

// The sum of a few terms at a time, with what its last rounding lost (Kahan 1965).
template <class Real>
struct LongSum {
    Real sum = 0, excess = 0;
    __device__ __forceinline__ void add(Real part) {
        const Real wanted = part - excess, next = sum + wanted;
        excess = next - sum - wanted;
        if (excess - excess != 0) excess = 0;  // inf or NaN: the sum is, too
        sum = next;
    }
};

}  // namespace kapre
