// Complex numbers, and discrete Fourier transforms of few points held in registers.
//
// One thread transforms an array of its own. Every index below is known once the loops are
// unrolled, so the array lives in registers, its twiddle factors are immediate operands, and no
// memory is touched: there is nothing here to collide, in shared memory or elsewhere.
//
// Dft<R>::run(v) replaces v[n] by sum_n v[n] exp(-2 pi i n k / R), in natural order on both sides.
// R is 2, 4, 8, an odd prime, or a product of these.

#pragma once

namespace kapre {

typedef long long i64;

// A complex number is a float2 or a double2, which one instruction loads.
template <class C>
using Real = decltype(C::x);

template <class C>
__device__ __forceinline__ C operator+(C a, C b) {
    return {a.x + b.x, a.y + b.y};
}
template <class C>
__device__ __forceinline__ C operator-(C a, C b) {
    return {a.x - b.x, a.y - b.y};
}
template <class C>
__device__ __forceinline__ C operator*(C a, C b) {
    return {a.x * b.x - a.y * b.y, a.x * b.y + a.y * b.x};
}
template <class C>
__device__ __forceinline__ C times_minus_i(C a) {
    return {a.y, -a.x};
}
template <class C>
__device__ __forceinline__ C conjugate(C a) {
    return {a.x, -a.y};
}

// cos(2 pi k / n) for 0 <= k <= n, by the compiler: brought to the first eighth of a turn, where
// twelve terms of Taylor's series leave the rounding of the last steps alone.
__device__ constexpr double cosine_of_turn(int k, int n) {
    if (2 * k > n) k = n - k;
    if (4 * k > n) return -cosine_of_turn(n - 2 * k, 2 * n);
    const bool steep = 8 * k > n;  // the sine of what is left to a quarter turn
    const double turn = steep ? (n - 4 * k) / (4.0 * n) : (double)k / n;
    const double angle = 6.28318530717958647693 * turn;
    double sum = 1;
    for (int i = 22 + steep; i > 1; i -= 2) sum = 1 - angle * angle / ((i - 1) * i) * sum;
    return steep ? angle * sum : sum;
}

// exp(-2 pi i k / R) = cosine[k] - i sine[k].
template <int R>
struct Roots {
    double cosine[R], sine[R];
    __device__ constexpr Roots() : cosine(), sine() {
        for (int k = 0; k < R; ++k) {
            cosine[k] = cosine_of_turn(k, R);
            sine[k] = cosine_of_turn(4 * k > R ? 4 * k - R : R - 4 * k, 4 * R);
        }
    }
};

// The first of two factors that a transform is split into; R itself if it is prime.
__device__ constexpr int factor_of(int R) {
    if (R % 64 == 0 || R % 16 == 8) return 8;
    return R % 4 == 0 ? 4 : R % 2 == 0 ? 2 : R % 3 == 0 ? 3 : R % 5 == 0 ? 5 : R % 7 == 0 ? 7 : R;
}

template <int R1, int R2>
struct DftProduct;

template <int R>
struct Dft {
    template <class C>
    static __device__ __forceinline__ void run(C* v) {
        constexpr int FACTOR = factor_of(R);
        if constexpr (FACTOR < R)
            DftProduct<FACTOR, R / FACTOR>::run(v);
        else
            run_prime(v);
    }

    // Points n and R - n have conjugate factors: their sum and difference share one product.
    template <class C>
    static __device__ __forceinline__ void run_prime(C* v) {
        constexpr int HALF = R / 2;
        constexpr Roots<R> roots;
        C sums[HALF], differences[HALF], total = v[0];
#pragma unroll
        for (int n = 1; n <= HALF; ++n) {
            sums[n - 1] = v[n] + v[R - n];
            differences[n - 1] = v[n] - v[R - n];
            total = total + sums[n - 1];
        }
#pragma unroll
        for (int k = 1; k <= HALF; ++k) {
            C even = v[0], odd = {0, 0};
#pragma unroll
            for (int n = 1; n <= HALF; ++n) {
                const Real<C> cosine = roots.cosine[k * n % R], sine = roots.sine[k * n % R];
                const C sum = sums[n - 1], difference = differences[n - 1];
                even = {even.x + cosine * sum.x, even.y + cosine * sum.y};
                odd = {odd.x + sine * difference.x, odd.y + sine * difference.y};
            }
            v[k] = even + times_minus_i(odd);
            v[R - k] = even - times_minus_i(odd);
        }
        v[0] = total;
    }
};

template <>
struct Dft<1> {
    template <class C>
    static __device__ __forceinline__ void run(C*) {}
};

template <>
struct Dft<2> {
    template <class C>
    static __device__ __forceinline__ void run(C* v) {
        const C a = v[0];
        v[0] = a + v[1];
        v[1] = a - v[1];
    }
};

template <>
struct Dft<4> {
    template <class C>
    static __device__ __forceinline__ void run(C* v) {
        const C even_sum = v[0] + v[2], even_difference = v[0] - v[2];
        const C odd_sum = v[1] + v[3], odd_difference = times_minus_i(v[1] - v[3]);
        v[0] = even_sum + odd_sum;
        v[1] = even_difference + odd_difference;
        v[2] = even_sum - odd_sum;
        v[3] = even_difference - odd_difference;
    }
};

template <>
struct Dft<8> {
    template <class C>
    static __device__ __forceinline__ void run(C* v) {
        const Real<C> h = 0.70710678118654752440;
        C even[4] = {v[0], v[2], v[4], v[6]}, odd[4] = {v[1], v[3], v[5], v[7]};
        Dft<4>::run(even);
        Dft<4>::run(odd);
        // Two multiplications each instead of four: both parts of these roots are +-h.
        odd[1] = {h * (odd[1].x + odd[1].y), h * (odd[1].y - odd[1].x)};
        odd[2] = times_minus_i(odd[2]);
        odd[3] = {h * (odd[3].y - odd[3].x), -h * (odd[3].x + odd[3].y)};
#pragma unroll
        for (int k = 0; k < 4; ++k) {
            v[k] = even[k] + odd[k];
            v[k + 4] = even[k] - odd[k];
        }
    }
};

// R1 * R2 points: R2 transforms of R1 points, twiddle factors, R1 transforms of R2 points.
template <int R1, int R2>
struct DftProduct {
    template <class C>
    static __device__ __forceinline__ void run(C* v) {
        constexpr int R = R1 * R2;
        constexpr Roots<R> roots;
        C rows[R];
#pragma unroll
        for (int n2 = 0; n2 < R2; ++n2) {
            C column[R1];
#pragma unroll
            for (int n1 = 0; n1 < R1; ++n1) column[n1] = v[R2 * n1 + n2];
            Dft<R1>::run(column);
#pragma unroll
            for (int k1 = 0; k1 < R1; ++k1) {
                const int power = n2 * k1;
                const C root = {(Real<C>)roots.cosine[power], -(Real<C>)roots.sine[power]};
                if (power == 0)
                    rows[k1 * R2 + n2] = column[k1];
                else if (4 * power == R)
                    rows[k1 * R2 + n2] = times_minus_i(column[k1]);
                else
                    rows[k1 * R2 + n2] = column[k1] * root;
            }
        }
#pragma unroll
        for (int k1 = 0; k1 < R1; ++k1) {
            Dft<R2>::run(rows + k1 * R2);
#pragma unroll
            for (int k2 = 0; k2 < R2; ++k2) v[k1 + R1 * k2] = rows[k1 * R2 + k2];
        }
    }
};

}  // namespace kapre
