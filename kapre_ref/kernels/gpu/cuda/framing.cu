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

namespace kapre {

constexpr int FRAMING_WARPS = 8;

// Where a block of a grid with `tiles` blocks for each channel of each item works.
struct Place {
    i64 item, channel, tile;
    __device__ __forceinline__ Place(int n_channels, int tiles) {
        const unsigned row = blockIdx.x / tiles;
        tile = blockIdx.x % tiles;
        item = row / n_channels;
        channel = row % n_channels;
    }
};

// x         (batch, channel, time), out (batch, channel, frame, sample); strides in elements
// n_samples of x; what lies behind them is pad_value
// grid      `tiles` blocks for each channel of each item, each for frames_per_block frames
// block     32 by FRAMING_WARPS
template <class Word>
__global__ void __launch_bounds__(32 * FRAMING_WARPS)
    frame(const Word* __restrict__ x, Word* __restrict__ out, int n_channels, i64 n_samples,
          i64 x_batch_stride, i64 x_channel_stride, i64 x_time_stride, int frame_length,
          int hop_length, i64 n_frames, i64 out_batch_stride, i64 out_channel_stride,
          i64 out_frame_stride, i64 out_sample_stride, Word pad_value, int frames_per_block,
          int tiles) {
    const Place place(n_channels, tiles);
    const Word* signal = x + place.item * x_batch_stride + place.channel * x_channel_stride;
    Word* frames = out + place.item * out_batch_stride + place.channel * out_channel_stride;
    const i64 first = place.tile * frames_per_block;
    const i64 last = min(first + frames_per_block, n_frames);
    for (i64 index = first + threadIdx.y; index < last; index += FRAMING_WARPS) {
        const i64 start = index * hop_length;
        const int inside = (int)min(n_samples - start, (i64)frame_length);
        const Word* from = signal + (start + threadIdx.x) * x_time_stride;
        Word* to = frames + index * out_frame_stride + threadIdx.x * out_sample_stride;
        int i = threadIdx.x;
#pragma unroll 4
        for (; i < inside; i += 32) {
            *to = *from;
            from += 32 * x_time_stride;
            to += 32 * out_sample_stride;
        }
#pragma unroll 1
        for (; i < frame_length; i += 32) {
            *to = pad_value;
            to += 32 * out_sample_stride;
        }
    }
}

// out       (batch, channel, frame)
// scale     that of the squares' sum
// otherwise as above
template <class Real>
__global__ void __launch_bounds__(32 * FRAMING_WARPS)
    energy(const Real* __restrict__ x, Real* __restrict__ out, int n_channels, i64 n_samples,
           i64 x_batch_stride, i64 x_channel_stride, i64 x_time_stride, int frame_length,
           int hop_length, i64 n_frames, i64 out_batch_stride, i64 out_channel_stride,
           i64 out_frame_stride, Real pad_value, Real scale, int frames_per_block, int tiles) {
    const Place place(n_channels, tiles);
    const Real* signal = x + place.item * x_batch_stride + place.channel * x_channel_stride;
    Real* energies = out + place.item * out_batch_stride + place.channel * out_channel_stride;
    const i64 first = place.tile * frames_per_block;
    const i64 last = min(first + frames_per_block, n_frames);
    for (i64 index = first + threadIdx.y; index < last; index += FRAMING_WARPS) {
        const i64 start = index * hop_length;
        const int inside = (int)min(n_samples - start, (i64)frame_length);
        const Real* from = signal + (start + threadIdx.x) * x_time_stride;
        LongSum<Real> squares;
        int i = threadIdx.x;
        for (; i + 7 * 32 < inside; i += 8 * 32) {
            Real part = 0;
#pragma unroll
            for (int j = 0; j < 8; ++j) {
                part += *from * *from;
                from += 32 * x_time_stride;
            }
            squares.add(part);
        }
        Real sum = 0;
#pragma unroll 1
        for (; i < inside; i += 32) {
            sum += *from * *from;
            from += 32 * x_time_stride;
        }
        squares.add(sum);
        sum = squares.sum;
#pragma unroll
        for (int d = 16; d; d >>= 1) sum += __shfl_xor_sync(0xffffffffu, sum, d);
        sum += (Real)(frame_length - inside) * (pad_value * pad_value);
        if (threadIdx.x == 0) energies[index * out_frame_stride] = sum * scale;
    }
}

}  // namespace kapre
