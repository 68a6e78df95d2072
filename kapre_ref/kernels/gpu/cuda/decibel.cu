// Decibels of magnitudes, 10 log10, limited to a range below the peak of each item.
//
// The floor of an item is known only when all of it has been seen, so there are two kernels.
// to_decibels reads x, writes decibels and finds the peaks. raise_to_floor reads and writes again,
// but only items whose floor lies above the decibels of amin: nothing lies below those. With the
// default amin (-50 dB) and range (80 dB) that needs magnitudes above 1000, so as a rule it leaves
// at once and the whole costs 8 bytes an element.
//
// Of amin itself only the decibels are passed, `least`, in which it cannot underflow: whatever CuPy
// compiles takes subnormal float32 for zero. The logarithm of zero is -inf, and `least` is more.
//
// A block owns a run of 4096 elements of one item; its 256 threads take turns, each with a pack of
// WIDTH elements: four if item_length and addresses allow, else one, so that a warp reads and
// writes 512 or 128 consecutive bytes. Registers hold the pack and the peak so far. Shared memory
// holds one peak for each warp: one 4-byte word each, written by one lane each, so there is nothing
// to collide. One atomic maximum a block joins the peaks of the blocks; a maximum comes out the
// same in any order.
//
// Predicted for an H100: 8 bytes an element at 3 TB/s are 2.7 ps; some 45 instructions an element,
// 18 of them for the logarithm, are 1.5 ps of issue slots. The memory decides. Not measured.

#include "packs.cuh"

namespace kapre {

constexpr int DECIBEL_THREADS = 256;
constexpr int DECIBEL_ELEMENTS = 16 * DECIBEL_THREADS;  // of a block

// What a launch is told besides its arrays. The host fills in these fields by name: launch.py reads
// the structure here.
struct Task {
    i64 item_length;    // elements
    int runs;           // blocks of an item
    float zero, least;  // what 10 log10 gives at 0 dB, and the decibels of amin
};

// x, out    (items, item_length), contiguous, apart from each other
// peaks     (items,) bits of the largest magnitude of each item, 0 at least; 0 before
// grid      `runs` blocks for each item
template <int WIDTH>
__global__ void __launch_bounds__(DECIBEL_THREADS)
    to_decibels(const float* __restrict__ x, float* __restrict__ out, unsigned* __restrict__ peaks,
                const __grid_constant__ Task task) {
    const i64 item_length = task.item_length;
    __shared__ unsigned warp_peaks[DECIBEL_THREADS / 32];
    const i64 item = blockIdx.x / task.runs;
    const i64 first = (i64)(blockIdx.x % task.runs) * DECIBEL_ELEMENTS;
    const i64 end = min(first + DECIBEL_ELEMENTS, item_length);
    x += item * item_length;
    out += item * item_length;
    unsigned peak = 0;
    for (i64 i = first + WIDTH * threadIdx.x; i < end; i += WIDTH * DECIBEL_THREADS) {
        const Pack<float, WIDTH> from = load<WIDTH>(x + i);
        Pack<float, WIDTH> to;
#pragma unroll
        for (int j = 0; j < WIDTH; ++j) {
            const float value = from.element[j] <= 0.0f ? 0.0f : from.element[j];  // NaN stays
            // The bits of positive floats sort as the floats do; NaN comes after all, so it wins.
            peak = max(peak, __float_as_uint(value));
            const float decibel = 10.0f * log10f(value) - task.zero;
            to.element[j] = decibel < task.least ? task.least : decibel;
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
        if (threadIdx.x == 0) atomicMax(peaks + item, peak);
    }
}

// Round a number to float16. NaN, and what is beyond the largest float16, stay as they are.
__device__ __forceinline__ float as_half(float x) {
    if (!(fabsf(x) < 65504.0f)) return x;  // the largest float16
    if (fabsf(x) < 0x1p-14f) return (x + 0.75f) - 0.75f;  // subnormal: multiples of 2^-24
    const unsigned bits = __float_as_uint(x);  // the last 13 of them are too many for float16
    return __uint_as_float((bits + 0xfffu + ((bits >> 13) & 1u)) & ~0x1fffu);  // ties to even
}

// values    (items, item_length) decibels, contiguous
// peaks     (items,) bits of the largest magnitude of each item
// range     dB
// to_half   1 if the values will be rounded to float16: the limit is to hold then
// grid      `runs` blocks for each item
template <int WIDTH>
__global__ void __launch_bounds__(DECIBEL_THREADS)
    raise_to_floor(float* values, const unsigned* peaks, const __grid_constant__ Task task,
                   float range, int to_half) {
    const i64 item_length = task.item_length;
    const i64 item = blockIdx.x / task.runs;
    const i64 first = (i64)(blockIdx.x % task.runs) * DECIBEL_ELEMENTS;
    float highest = 10.0f * log10f(__uint_as_float(peaks[item])) - task.zero;
    highest = highest < task.least ? task.least : highest;
    const float floor = to_half ? as_half(as_half(highest) - range) : highest - range;
    if (floor < task.least - 1e-3f) return;  // nothing lies below `least`, but for rounding (dB)
    const i64 end = min(first + DECIBEL_ELEMENTS, item_length);
    values += item * item_length;
    for (i64 i = first + WIDTH * threadIdx.x; i < end; i += WIDTH * DECIBEL_THREADS) {
        const Pack<float, WIDTH> from = load<WIDTH>(values + i);
        Pack<float, WIDTH> to;
#pragma unroll
        for (int j = 0; j < WIDTH; ++j) {
            // The logarithm of a smaller number may be larger: nothing exceeds the peak's.
            const float value = from.element[j] > highest ? highest : from.element[j];
            to.element[j] = value >= floor ? value : floor;  // the floor may be NaN
        }
        store(values + i, to);
    }
}

}  // namespace kapre
