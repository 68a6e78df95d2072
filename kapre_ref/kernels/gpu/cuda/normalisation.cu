// Each band of a channel, less its mean over time and divided by its deviation, in place.
//
// A block owns 32 neighbouring bands of one channel of one item: a lane is a band, and the block's
// 16 warps take turns at the frames. It goes over them three times: for the mean, for the variance
// about it, and to write. A warp reads and writes 128 consecutive bytes of a frame. Where frames
// are neighbours in memory instead of bands, each lane reads a sector of its own. Eight warps read
// the eight float32 of that sector in one turn, so they come from the L1.
//
// All sums are in float64, in which no square of a float32 is too small, nor a sum of them inexact.
// The mean is kept as two numbers: the sum of the deviations, which should be zero, corrects the
// mean and the variance. The sums of the warps meet in shared memory, where neighbouring lanes have
// neighbouring words, so no banks conflict. They are added up in one order, so that a band's bits
// do not depend on its neighbours.
//
// Predicted for an H100: 80 bands of 3000 frames are read three times and written once, all but one
// of which the L2 serves; a block's chain of 188 frames a pass is what takes its time, 0.1 ms.
// Thousands of channels go at 8 bytes a value. Not measured.

#include "sums.cuh"

namespace kapre {

constexpr int NORMALISATION_WARPS = 16;

// What a launch is told besides its arrays. The host fills in these fields by name: launch.py reads
// the structure here. Strides are in elements.
struct Task {
    i64 batch_stride, channel_stride, frame_stride, band_stride;
    i64 n_frames, n_counted;  // frames in all; those from the first on that the sums are of
    int n_channels, n_bands, blocks_of_channel;  // of one item
    int divides;                     // by the deviation; else only the mean is taken off
    double n_divided;                // what the sum of squares is divided by
    double eps_below, eps_beside;    // added to the variance, and to its root
};

// The sum over the warps of a block, for each lane; all threads come here.
__device__ __forceinline__ double sum_of_warps(double value, double (*sums)[32]) {
    __syncthreads();  // the last use of `sums` is over
    sums[threadIdx.y][threadIdx.x] = value;
    __syncthreads();  // all warps have written
    LongSum<double> total;
#pragma unroll
    for (int warp = 0; warp < NORMALISATION_WARPS; ++warp) total.add(sums[warp][threadIdx.x]);
    return total.sum;
}

// values    (batch, channel, frame, band)
// grid      blocks_of_channel blocks for each channel of each item
// block     32 by NORMALISATION_WARPS
template <class Real>
__global__ void __launch_bounds__(32 * NORMALISATION_WARPS)
    normalise(Real* values, const __grid_constant__ Task task) {
    __shared__ double sums[NORMALISATION_WARPS][32];
    const unsigned series = blockIdx.x / task.blocks_of_channel;
    const int band = blockIdx.x % task.blocks_of_channel * 32 + threadIdx.x;
    const bool live = band < task.n_bands;
    Real* const frames = values + series / task.n_channels * task.batch_stride +
                         series % task.n_channels * task.channel_stride + band * task.band_stride;
    const i64 n_counted = live ? task.n_counted : 0, n_frames = live ? task.n_frames : 0;

    LongSum<double> total;
    for (i64 i = threadIdx.y; i < n_counted; i += NORMALISATION_WARPS)
        total.add(frames[i * task.frame_stride]);
    const double mean = sum_of_warps(total.sum, sums) / task.n_counted;

    LongSum<double> rest, squares;
    for (i64 i = threadIdx.y; i < n_counted; i += NORMALISATION_WARPS) {
        const double deviation = frames[i * task.frame_stride] - mean;
        rest.add(deviation);
        squares.add(deviation * deviation);
    }
    const double lost = sum_of_warps(rest.sum, sums) / task.n_counted;
    double factor = 1;
    if (task.divides) {
        const double sum = sum_of_warps(squares.sum, sums) - lost * lost * task.n_counted;
        const double variance = (sum < 0 ? 0 : sum) / task.n_divided;  // NaN stays
        factor = sqrt(variance + task.eps_below) + task.eps_beside;
    }
    for (i64 i = threadIdx.y; i < n_frames; i += NORMALISATION_WARPS) {
        Real& value = frames[i * task.frame_stride];
        value = i < n_counted ? (value - mean - lost) / factor : 0;
    }
}

}  // namespace kapre
