// Complex numbers, and discrete Fourier transforms of 2 to 64 points held in registers.
//
// One thread transforms an array of its own. Every index below is known once the loops are
// unrolled, so the array lives in registers, its twiddle factors are immediate operands, and no
// memory is touched: there is nothing here to collide, in shared memory or elsewhere.
//
// Dft<R>::run(v) replaces v[n] by sum_n v[n] exp(-2 pi i n k / R), in natural order on both sides.

namespace kapre {

typedef long long i64;

__device__ __forceinline__ float2 operator+(float2 a, float2 b) {
    return make_float2(a.x + b.x, a.y + b.y);
}
__device__ __forceinline__ float2 operator-(float2 a, float2 b) {
    return make_float2(a.x - b.x, a.y - b.y);
}
__device__ __forceinline__ float2 operator*(float2 a, float2 b) {
    return make_float2(a.x * b.x - a.y * b.y, a.x * b.y + a.y * b.x);
}
__device__ __forceinline__ float2 times_minus_i(float2 a) {
    return make_float2(a.y, -a.x);
}

// exp(-2 pi i k / 64) for 0 <= k < 64, from the first eighth of a cosine and symmetry.
__device__ __forceinline__ float2 root64(int k) {
    const float cosine[17] = {1.0f,
                              0.99518472667219688624f,
                              0.98078528040323044913f,
                              0.95694033573220886494f,
                              0.92387953251128675613f,
                              0.88192126434835502971f,
                              0.83146961230254523708f,
                              0.77301045336273696081f,
                              0.70710678118654752440f,
                              0.63439328416364549822f,
                              0.55557023301960222474f,
                              0.47139673682599764856f,
                              0.38268343236508977173f,
                              0.29028467725446236764f,
                              0.19509032201612826785f,
                              0.09801714032956060199f,
                              0.0f};
    if (k <= 16) return make_float2(cosine[k], -cosine[16 - k]);
    if (k <= 32) return make_float2(-cosine[32 - k], -cosine[k - 16]);
    if (k <= 48) return make_float2(-cosine[k - 32], cosine[48 - k]);
    return make_float2(cosine[64 - k], cosine[k - 48]);
}

template <int R>
struct Dft;

template <>
struct Dft<2> {
    static __device__ __forceinline__ void run(float2* v) {
        const float2 a = v[0];
        v[0] = a + v[1];
        v[1] = a - v[1];
    }
};

template <>
struct Dft<4> {
    static __device__ __forceinline__ void run(float2* v) {
        const float2 even_sum = v[0] + v[2], even_difference = v[0] - v[2];
        const float2 odd_sum = v[1] + v[3], odd_difference = times_minus_i(v[1] - v[3]);
        v[0] = even_sum + odd_sum;
        v[1] = even_difference + odd_difference;
        v[2] = even_sum - odd_sum;
        v[3] = even_difference - odd_difference;
    }
};

template <>
struct Dft<8> {
    static __device__ __forceinline__ void run(float2* v) {
        const float h = 0.70710678118654752440f;
        float2 even[4] = {v[0], v[2], v[4], v[6]}, odd[4] = {v[1], v[3], v[5], v[7]};
        Dft<4>::run(even);
        Dft<4>::run(odd);
        // Two multiplications each instead of four: both parts of these roots are +-h.
        odd[1] = make_float2(h * (odd[1].x + odd[1].y), h * (odd[1].y - odd[1].x));
        odd[2] = times_minus_i(odd[2]);
        odd[3] = make_float2(h * (odd[3].y - odd[3].x), -h * (odd[3].x + odd[3].y));
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
    static __device__ __forceinline__ void run(float2* v) {
        constexpr int R = R1 * R2;
        float2 rows[R];
#pragma unroll
        for (int n2 = 0; n2 < R2; ++n2) {
            float2 column[R1];
#pragma unroll
            for (int n1 = 0; n1 < R1; ++n1) column[n1] = v[R2 * n1 + n2];
            Dft<R1>::run(column);
#pragma unroll
            for (int k1 = 0; k1 < R1; ++k1) {
                const int power = n2 * k1;
                if (power == 0)
                    rows[k1 * R2 + n2] = column[k1];
                else if (4 * power == R)
                    rows[k1 * R2 + n2] = times_minus_i(column[k1]);
                else
                    rows[k1 * R2 + n2] = column[k1] * root64(power * (64 / R));
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

template <>
struct Dft<16> {
    static __device__ __forceinline__ void run(float2* v) { DftProduct<4, 4>::run(v); }
};
template <>
struct Dft<32> {
    static __device__ __forceinline__ void run(float2* v) { DftProduct<4, 8>::run(v); }
};
template <>
struct Dft<64> {
    static __device__ __forceinline__ void run(float2* v) { DftProduct<8, 8>::run(v); }
};

}  // namespace kapre
