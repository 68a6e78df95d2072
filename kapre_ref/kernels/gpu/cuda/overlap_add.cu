// The sum of overlapping frames, windowed: the last step of the inverse STFT.
//
// One thread makes one sample, then others a block further on: it gathers each from every frame
// that covers it, first to last, so no two threads write to one address, there are no atomics, and
// the sum comes out the same every time. Neighbouring threads read neighbouring samples of the same
// frames: a warp reads 128 consecutive bytes of each. Sum and indices lie in registers; there is no
// shared memory, so no bank to collide in.
//
// A block's samples begin where a frame does, or at a part of that, so that nothing of 64 bits need
// be divided to know which frames cover them: such a division takes a hundred instructions.
//
// Predicted for an H100: 4 (frame_length + hop_length) bytes a frame of float32, 3.4 ns for
// 2048 / 512 at 3 TB/s, and the instructions take about as long. Not measured.

#include "sums.cuh"

namespace kapre {

constexpr int OVERLAP_ADD_THREADS = 256;

// What a launch is told besides its arrays. The host fills in these fields by name: launch.py reads
// the structure here. Strides are in elements. __grid_constant__ leaves it where the launch put it:
// else the compiler of CUDA 13.5 keeps parts of it in registers, and takes 4 % more instructions.
struct Task {
    int n_channels;
    i64 n_frames;
    int n_fft, hop_length;
    int whole, rest;  // of the division of frame_length - 1 by hop_length
    i64 n_skipped;  // samples of the first frames, before the first one of the result
    i64 n_samples, out_batch_stride, out_channel_stride, out_time_stride;
    int blocks_of_channel, block_length, hops, parts;
};

// frames    (batch, channel, n_frames, n_fft) contiguous; of each, the first frame_length count
// window    (frame_length,)
// out       (batch, channel, time)
// grid      blocks_of_channel blocks for each channel of each item; a block makes block_length
//           samples, those of `hops` hops, or one of the `parts` of a hop; either of the two is 1
template <class Real>
__global__ void __launch_bounds__(OVERLAP_ADD_THREADS)
    overlap_add(const Real* __restrict__ frames, const Real* __restrict__ window,
                Real* __restrict__ out, const __grid_constant__ Task task) {
    const int n_fft = task.n_fft, hop_length = task.hop_length, hops = task.hops;
    const int parts = task.parts, block_length = task.block_length;
    const unsigned series = blockIdx.x / task.blocks_of_channel;
    const unsigned block = blockIdx.x % task.blocks_of_channel;
    const i64 first_hop = (i64)(block / parts) * hops, first_sample = first_hop * hop_length;
    const unsigned of_part = block % parts * block_length;  // within the first hop
    const unsigned end =
        parts == 1 ? block_length : min(of_part + block_length, (unsigned)hop_length);
    const i64 n_before_out = task.n_skipped - first_sample;
    const unsigned begin = (unsigned)max((i64)of_part, min(n_before_out, (i64)end));
    const unsigned n_here = (unsigned)min(task.n_samples + n_before_out, (i64)end);
    // Frames before those that begin in this block, and the last of these there is; in 32 bits.
    const int n_before = (int)min(first_hop, (i64)0x3fffffff);
    const int last = (int)max(min(task.n_frames - first_hop, (i64)hops), (i64)-0x3fffffff) - 1;
    frames += (series * task.n_frames + first_hop) * n_fft;
    out += series / task.n_channels * task.out_batch_stride +
           series % task.n_channels * task.out_channel_stride +
           (begin + threadIdx.x - n_before_out) * task.out_time_stride;
    for (unsigned i = begin + threadIdx.x; i < n_here; i += OVERLAP_ADD_THREADS) {
        const int hop = hops == 1 ? 0 : i / hop_length, position = i - hop * hop_length;
        // Of the frames that cover the sample, the first begins so many hops before, and the last
        // in this hop, if there is one.
        const int back = min(task.whole - (position > task.rest), n_before + hop);
        const int place = back * hop_length + position;
        const Real* term = frames + (i64)(hop - back) * n_fft + place;
        const Real* factor = window + place;
        LongSum<Real> total;
        for (int n_terms = min(hop, last) - (hop - back) + 1; n_terms > 0; n_terms -= 8) {
            Real part = 0;
#pragma unroll 4
            for (int n = min(n_terms, 8); n > 0; --n) {
                part += *term * *factor;
                term += n_fft - hop_length;
                factor -= hop_length;
            }
            total.add(part);
        }
        *out = total.sum;
        out += OVERLAP_ADD_THREADS * task.out_time_stride;
    }
}

}  // namespace kapre
