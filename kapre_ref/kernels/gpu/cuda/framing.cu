// Frames of a signal, copied, and their energies.
//
// frame: a block of 8 warps copies ROWS neighbouring frames of one signal, a warp to a frame and
// then the eighth one after it; a lane takes every 32nd sample, so that a warp reads and writes
// 128 consecutive bytes. What neighbouring frames share comes from the L1. Only bits are moved, so
// one instance serves all types of a size. energy: a warp sums the squares of a frame, lane by
// lane, and adds up its lanes by shuffles. Neither uses shared memory: no bank to collide in.
//
// Predicted for an H100: frame moves 4 (frame_length + hop_length) bytes of float32 a frame, 0.85
// ns for 512 / 128 at 3 TB/s; 7 instructions for 32 samples and 90 for a frame, 0.25 ns. energy
// reads 4 hop_length bytes a frame from memory and 4 frame_length from the L1: for 2205 / 1102,
// 1.5 ns against 0.5 ns of issue slots. The memory decides. Not measured.

#include "half.cuh"
#include "sums.cuh"

namespace kapre {

constexpr int FRAMING_WARPS = 8;

// What a launch is told besides its arrays. The host fills in these fields by name: launch.py reads
// the structure here. Strides are in elements; `energy` has one value a frame, and no use for the
// stride of samples.
struct Task {
    i64 n_samples, x_batch_stride, x_channel_stride, x_time_stride;
    i64 n_frames, out_batch_stride, out_channel_stride, out_frame_stride, out_sample_stride;
    int n_channels, frame_length, hop_length;
    int frames_per_block, blocks_of_channel;  // of one item
};

// The frames that a block works on.
struct Share {
    i64 item, channel, first, last;  // frames from the first on, before the last
    __device__ __forceinline__ Share(const Task& task) {
        const unsigned series = blockIdx.x / task.blocks_of_channel;
        item = series / task.n_channels;
        channel = series % task.n_channels;
        first = (i64)(blockIdx.x % task.blocks_of_channel) * task.frames_per_block;
        last = min(first + task.frames_per_block, task.n_frames);
    }
};

// x         (batch, channel, time)
// out       (batch, channel, frame, sample)
// pad_value what lies behind the samples of x
// grid      blocks_of_channel blocks for each channel of each item; each has frames_per_block frames
// block     32 by FRAMING_WARPS
template <class Word>
__global__ void __launch_bounds__(32 * FRAMING_WARPS)
    frame(const Word* __restrict__ x, Word* __restrict__ out, const Task task,
          Word pad_value) {
    const Share share(task);
    const Word* signal =
        x + share.item * task.x_batch_stride + share.channel * task.x_channel_stride;
    Word* frames =
        out + share.item * task.out_batch_stride + share.channel * task.out_channel_stride;
    for (i64 index = share.first + threadIdx.y; index < share.last; index += FRAMING_WARPS) {
        const i64 start = index * task.hop_length;
        const int inside = (int)min(task.n_samples - start, (i64)task.frame_length);
        const Word* from = signal + (start + threadIdx.x) * task.x_time_stride;
        Word* to =
            frames + index * task.out_frame_stride + threadIdx.x * task.out_sample_stride;
        int i = threadIdx.x;
#pragma unroll 4
        for (; i < inside; i += 32) {
            *to = *from;
            from += 32 * task.x_time_stride;
            to += 32 * task.out_sample_stride;
        }
#pragma unroll 1
        for (; i < task.frame_length; i += 32) {
            *to = pad_value;
            to += 32 * task.out_sample_stride;
        }
    }
}

// x         (batch, channel, time)
// out       (batch, channel, frame), words as in half.cuh: the sum of the squares of each frame, times `scale`
// pad_value what lies behind the samples of x
// grid      blocks_of_channel blocks for each channel of each item; each has frames_per_block frames
// block     32 by FRAMING_WARPS
template <class Real, class Word = Real>
__global__ void __launch_bounds__(32 * FRAMING_WARPS)
    energy(const Word* __restrict__ x, Word* __restrict__ out, const Task task,
           Real pad_value, Real scale) {
    const Share share(task);
    const Word* signal =
        x + share.item * task.x_batch_stride + share.channel * task.x_channel_stride;
    Word* energies =
        out + share.item * task.out_batch_stride + share.channel * task.out_channel_stride;
    for (i64 index = share.first + threadIdx.y; index < share.last; index += FRAMING_WARPS) {
        const i64 start = index * task.hop_length;
        const int inside = (int)min(task.n_samples - start, (i64)task.frame_length);
        const Word* from = signal + (start + threadIdx.x) * task.x_time_stride;
        LongSum<Real> squares;
        int i = threadIdx.x;
        for (; i + 7 * 32 < inside; i += 8 * 32) {
            Real part = 0;
#pragma unroll
            for (int j = 0; j < 8; ++j) {
                part += (Real)*from * (Real)*from;
                from += 32 * task.x_time_stride;
            }
            squares.add(part);
        }
        Real sum = 0;
#pragma unroll 1
        for (; i < inside; i += 32) {
            sum += (Real)*from * (Real)*from;
            from += 32 * task.x_time_stride;
        }
        squares.add(sum);
        sum = squares.sum;
#pragma unroll
        for (int d = 16; d; d >>= 1) sum += __shfl_xor_sync(0xffffffffu, sum, d);
        sum += (Real)(task.frame_length - inside) * (pad_value * pad_value);
        if (threadIdx.x == 0) energies[index * task.out_frame_stride] = Word(sum * scale);
    }
}

}  // namespace kapre
