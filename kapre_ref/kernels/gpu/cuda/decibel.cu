// Logarithms of values that are not negative, limited to a range below the peak of each group: an
// item, a channel, or all.
//
// The floor of a group is known only when all of it has been seen, so there are two kernels.
// to_decibels reads x, writes logarithms and finds the peaks. raise_to_floor reads and writes
// again, but only groups whose floor lies above the least logarithm: nothing lies below that. With
// Kapre's default amin (-50 dB) and range (80 dB) that needs magnitudes above 1000, so as a rule it
// leaves at once and the whole costs 8 bytes an element.
//
// A block owns a run of 4096 elements of one group; its 256 threads take turns, each with a pack of
// WIDTH elements: four float32 if the group's length and addresses allow, else one, so that a warp
// reads and writes 512, 256 or 128 consecutive bytes. Registers hold the pack and the peak so far.
// Shared memory holds one peak for each warp: one word each, written by one lane each, so there is
// nothing to collide. One atomic maximum a block joins the peaks of the blocks; a maximum comes out
// the same in any order.
//
// Predicted for an H100: 8 bytes an element at 3 TB/s are 2.7 ps; some 40 instructions an element,
// 18 of them for the logarithm, are 1.4 ps of issue slots. The memory decides. Not measured.

#include "logarithm.cuh"
#include "packs.cuh"

namespace kapre {

constexpr int DECIBEL_THREADS = 256;
constexpr int DECIBEL_ELEMENTS = 16 * DECIBEL_THREADS;  // of a block

// What a launch is told besides its arrays. The host fills in these fields by name: launch.py reads
// the structure here.
template <class Real>
struct Task {
    i64 group_length;                         // elements
    int runs;                                 // blocks of a group
    int decimal;                              // of float64: whether logarithms are decimal
    Real added, floor, factor, shift, least;  // as scaled_log() has them
    Real settled;                             // nothing lies below it, whatever was rounded
};

// x, out    (groups, group_length), contiguous, apart from each other
// peaks     (groups,) bits of the largest value that a logarithm was taken of; 0 before
// grid      `runs` blocks for each group
template <class Real, int WIDTH>
__global__ void __launch_bounds__(DECIBEL_THREADS)
    to_decibels(const Real* __restrict__ x, Real* __restrict__ out,
                Bits<Real>* __restrict__ peaks, const __grid_constant__ Task<Real> task) {
    const i64 group_length = task.group_length;
    __shared__ Bits<Real> warp_peaks[DECIBEL_THREADS / 32];
    const i64 group = blockIdx.x / task.runs;
    const i64 first = (i64)(blockIdx.x % task.runs) * DECIBEL_ELEMENTS;
    const i64 end = min(first + DECIBEL_ELEMENTS, group_length);
    x += group * group_length;
    out += group * group_length;
    Bits<Real> peak = 0;
    for (i64 i = first + WIDTH * threadIdx.x; i < end; i += WIDTH * DECIBEL_THREADS) {
        const Pack<Real, WIDTH> from = load<WIDTH>(x + i);
        Pack<Real, WIDTH> to;
#pragma unroll
        for (int j = 0; j < WIDTH; ++j) {
            const Real value = addend_of_log(from.element[j], task.added);
            // The bits of positive numbers sort as these do; NaN comes after all, so it wins.
            peak = max(peak, bits(value));
            to.element[j] = scaled_log(value, task);
        }
        store(out + i, to);
    }
#pragma unroll
    for (int d = 16; d; d >>= 1) peak = max(peak, __shfl_xor_sync(0xffffffffu, peak, d));
    if (threadIdx.x % 32 == 0) warp_peaks[threadIdx.x / 32] = peak;
    __syncthreads();
    if (threadIdx.x < DECIBEL_THREADS / 32) {
        peak = warp_peaks[threadIdx.x];
#pragma unroll
        for (int d = DECIBEL_THREADS / 64; d; d >>= 1)
            peak = max(peak, __shfl_xor_sync((1u << DECIBEL_THREADS / 32) - 1, peak, d));
        if (threadIdx.x == 0) atomicMax(peaks + group, peak);
    }
}

// Round a number to float16. NaN, and what is beyond the largest float16, stay as they are.
__device__ __forceinline__ float as_half(float x) {
    if (!(fabsf(x) < 65504.0f)) return x;  // the largest float16
    if (fabsf(x) < 0x1p-14f) return (x + 0.75f) - 0.75f;  // subnormal: multiples of 2^-24
    const unsigned bits = __float_as_uint(x);  // the last 13 of them are too many for float16
    return __uint_as_float((bits + 0xfffu + ((bits >> 13) & 1u)) & ~0x1fffu);  // ties to even
}

// values    (groups, group_length) logarithms, contiguous
// peaks     (groups,) bits of the largest value that a logarithm was taken of
// range     in units of the logarithms
// to_half   1 if the values will be rounded to float16: the limit is to hold then
// grid      `runs` blocks for each group
template <class Real, int WIDTH>
__global__ void __launch_bounds__(DECIBEL_THREADS)
    raise_to_floor(Real* values, const Bits<Real>* peaks,
                   const __grid_constant__ Task<Real> task, Real range, int to_half) {
    const i64 group_length = task.group_length;
    const i64 group = blockIdx.x / task.runs;
    const i64 first = (i64)(blockIdx.x % task.runs) * DECIBEL_ELEMENTS;
    const Real highest = scaled_log(from_bits(peaks[group]), task);
    Real floor = highest - range;
    if constexpr (sizeof(Real) == 4)
        if (to_half) floor = as_half(as_half(highest) - range);
    if (floor < task.settled) return;
    const i64 end = min(first + DECIBEL_ELEMENTS, group_length);
    values += group * group_length;
    for (i64 i = first + WIDTH * threadIdx.x; i < end; i += WIDTH * DECIBEL_THREADS) {
        const Pack<Real, WIDTH> from = load<WIDTH>(values + i);
        Pack<Real, WIDTH> to;
#pragma unroll
        for (int j = 0; j < WIDTH; ++j) {
            // The logarithm of a smaller number may be larger: nothing exceeds the peak's.
            const Real value = from.element[j] > highest ? highest : from.element[j];
            to.element[j] = value >= floor ? value : floor;  // the floor may be NaN
        }
        store(values + i, to);
    }
}

}  // namespace kapre
