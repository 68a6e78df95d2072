// What becomes of the bins of a frame. Output<S, What, Where> puts it together of two policies:
//
//     What a value is              Where it goes
//       Bins         complex         AtOnce    from registers to memory, at stride 1
//       Magnitudes   |z|             Strided   through shared memory, to any stride, in logarithms
//       Powers       |z|^2           Bands     as Strided, but sums of values over each band's bins
//       OffsetRoots  (|z|^2 + c)^1/2   TurnedBands  as Bands, where frames are neighbours in memory
//
// The shapes S of frames.cuh and of mixed.cu tell which T threads share a frame and how they wait
// for each other.
//
// The T threads of a frame hand over its bins between begin() and end(), in any order; begin() may
// come again for the same frame. AtOnce writes neighbouring bins from neighbouring lanes. For the
// others all values meet in shared memory first, in the frame's slot (stft.cu has a picture of it),
// and then each lane finishes every T-th of them: so the code of a logarithm is there once, not
// once for each register, and a stride costs one addition.
//
// Banks: bins k of neighbouring lanes are neighbours, in 4-byte words or 8-byte pairs (of float64,
// twice that), also when they are read again; frames of one warp begin T banks apart. Only sums
// over bands read with conflicts, for neighbouring bands begin a few bins apart: 128 mel bands of N
// = 2048 take 2.5 wavefronts a load, 142 of the 396 of a frame, and less than the issue slots do.
//
// Where frames instead of bands are neighbours in `out`, a lane that wrote its band would write to a
// sector of its own. TurnedBands keeps the bands of the FRAMES frames that a block has at a time in
// their slots, behind the values. Then all threads of the block meet, and neighbouring lanes write
// one band of neighbouring frames: for N = 512, 32 bytes, in two sectors as a rule instead of eight.
// Bins or magnitudes in that order, without bands, go as Strided ones do.

#pragma once
#include "floor.cuh"
#include "frames.cuh"
#include "logarithm.cuh"

namespace kapre {

__device__ __forceinline__ float square_root(float value) {
    return sqrtf(value);
}
__device__ __forceinline__ double square_root(double value) {
    return sqrt(value);
}

// ---- What a value is, given a bin or its square.

struct Bins {
    template <class C>
    using Value = C;
    static constexpr bool IS_REAL = false;
    static constexpr bool IN_RANGE = false;
};
struct Magnitudes {
    template <class C>
    using Value = Real<C>;
    static constexpr bool IS_REAL = true;
    // Whether a frame is done again, scaled, if its squares leave the range of their type.
    static constexpr bool IN_RANGE = true;
    template <class R>
    static __device__ __forceinline__ R of(R square, const Task<R>&) {
        return square_root(square);
    }
};
struct Powers {
    template <class C>
    using Value = Real<C>;
    static constexpr bool IS_REAL = true;
    static constexpr bool IN_RANGE = false;
    template <class R>
    static __device__ __forceinline__ R of(R square, const Task<R>&) {
        return square;
    }
};
struct OffsetRoots {
    template <class C>
    using Value = Real<C>;
    static constexpr bool IS_REAL = true;
    static constexpr bool IN_RANGE = false;
    template <class R>
    static __device__ __forceinline__ R of(R square, const Task<R>& task) {
        return square_root(square + task.power_offset);
    }
};

// ---- Where values go. Each tells how many blocks more share a multiprocessor than the shape has.

struct AtOnce {
    static constexpr bool IN_SHARED = false;
    static constexpr bool TURNS = false;
    template <class What, int N>
    static constexpr int BLOCKS_MORE = What::IS_REAL && (N == 1024 || N == 2048);
    template <class Output>
    static __device__ __forceinline__ void put(Output& output, int k,
                                               typename Output::Value value) {
        if (output.live) output.row[k] = typename Output::Word(output.unscaled(value));
    }
    template <class Output>
    static __device__ __forceinline__ void end(Output&) {}
};

struct Strided {
    static constexpr bool IN_SHARED = true;
    static constexpr bool TURNS = false;
    template <class What, int N>
    static constexpr int BLOCKS_MORE = What::IS_REAL && N >= 2048 ? 0 : -1;
    template <class Output>
    static __device__ __forceinline__ void put(Output& output, int k,
                                               typename Output::Value value) {
        output.staged()[k] = value;
    }
    template <class Output>
    static __device__ __forceinline__ void end(Output& output) {
        typedef typename Output::Shape S;
        S::sync();  // all values have been put
        for (int k = output.settings.t; k <= S::N / 2; k += S::T)
            output.finish(k, output.staged()[k]);
    }
};

// Sums over the few bins where the weights of a band are not zero.
struct Bands {
    static constexpr bool IN_SHARED = true;
    static constexpr bool TURNS = false;
    template <class What, int N>
    static constexpr int BLOCKS_MORE = 0;
    template <class Output>
    static __device__ __forceinline__ void put(Output& output, int k,
                                               typename Output::Value value) {
        output.staged()[k] = value;
    }
    template <class Output>
    static __device__ __forceinline__ void end(Output& output) {
        typedef typename Output::Shape S;
        typedef typename Output::Value R;
        const auto& s = output.settings;
        const int n_bands = s.task.n_bands;
        const R* matrix = reinterpret_cast<const R*>(s.filterbank) + s.task.weights_at;
        S::sync();  // all values have been put
        for (int band = s.t; band < n_bands; band += S::T) {
            const int2 bins = s.filterbank[band];
            const R* values = output.staged() + bins.x;
            const R* weights = matrix + band;
            R sums[4] = {0, 0, 0, 0};  // chains of additions that do not wait
            int i = 0;
            // No further: bands are narrow, and a longer code would mostly be passed over.
#pragma unroll 1
            for (; i + 4 <= bins.y; i += 4)
#pragma unroll
                for (int part = 0; part < 4; ++part)
                    sums[part] += weights[(i + part) * n_bands] * values[i + part];
#pragma unroll 1
            for (; i < bins.y; ++i) sums[0] += weights[(i64)i * n_bands] * values[i];
            output.finish(band, (sums[0] + sums[1]) + (sums[2] + sums[3]));
        }
    }
};

// Bands of all frames of the block side by side. A slot may have no room for so many bands behind
// its values: then they are written as Bands does.
struct TurnedBands {
    static constexpr bool IN_SHARED = true;
    static constexpr bool TURNS = true;
    template <class What, int N>
    static constexpr int BLOCKS_MORE = 0;
    template <class Output>
    static __device__ __forceinline__ void put(Output& output, int k,
                                               typename Output::Value value) {
        Bands::put(output, k, value);
    }
    template <class Output>
    static __device__ __forceinline__ void end(Output& output) {
        typedef typename Output::Shape S;
        const auto& s = output.settings;
        Bands::end(output);
        if (!output.has_room()) return;
        __syncthreads();  // all frames of the block are finished
        for (int i = S::rank(); i < s.task.n_bands * S::FRAMES; i += S::RANKS) {
            const int band = i / S::FRAMES, frame = i % S::FRAMES;
            typename Output::Word* to = output.row + band * s.task.out_bin_stride;
            if (frame < output.n_left)
                to[frame - s.group] = typename Output::Word(output.kept(frame)[band]);
        }
        __syncthreads();  // the slots are free
    }
};

// ---- Both together.

// What an output is told of its frame and of the launch.
template <class C>
struct Settings {
    int t;                // this lane, among the T that share a frame
    int group;            // this frame, among those that the block has at a time
    C* slot;              // shared memory, room for the bins of a frame
    Real<C>* words;       // the same, at a bank that no other frame of the warp begins in
    const int2* filterbank;  // as stft() in stft.cu is given it
    const Task<Real<C>>& task;
};

// A value becomes a Word in memory, which is the value itself unless it is rounded to Half.
template <class S, class What, class Where,
          class Word_ = typename What::template Value<typename S::Complex>>
struct Output {
    typedef S Shape;
    typedef typename S::Complex C;
    typedef Real<C> R;
    typedef typename What::template Value<C> Value;
    typedef Word_ Word;
    typedef kapre::Bits<R> Bits;
    typedef kapre::Peak<R> Peak;
    static constexpr bool IN_SHARED = Where::IN_SHARED;
    static constexpr bool IN_RANGE = What::IN_RANGE;
    static constexpr bool TURNS = Where::TURNS;
    // Where finished bands lie in a slot, in numbers: behind the values, wherever these begin.
    static constexpr int KEPT = S::N / 2 + 1 + 31, ROOM = 2 * S::SLOT - KEPT - 31;
    static constexpr int BLOCKS_MORE = Where::template BLOCKS_MORE<What, S::N>;
    const Settings<C>& settings;
    Word* row;            // where the frame goes, if it is live
    bool live;            // whether there is such a frame
    i64 n_left;           // frames from the first that the block has now; only where it TURNS
    Bits largest_square;  // among the bins of this lane
    Bits peak;            // bits of the largest value that this lane took a logarithm of
    R unscale;            // what takes back the scale of a frame that was out of range

    __device__ __forceinline__ Output(const Settings<C>& settings) : settings(settings), peak(0) {}
    __device__ __forceinline__ void begin(R inverse_of_scale) {
        unscale = inverse_of_scale;
        largest_square = 0;
        if constexpr (IN_SHARED) S::sync();  // the exchange is over
    }
    __device__ __forceinline__ void put(int k, C bin) {
        if constexpr (What::IS_REAL) {
            const R square = bin.x * bin.x + bin.y * bin.y;
            if constexpr (IN_RANGE) largest_square = max(largest_square, bits(square));
            Where::put(*this, k, What::of(square, settings.task));
        } else {
            Where::put(*this, k, bin);
        }
    }
    __device__ __forceinline__ void end() { Where::end(*this); }

    __device__ __forceinline__ Value* staged() const {
        if constexpr (What::IS_REAL)
            return settings.words;
        else
            return settings.slot;
    }
    __device__ __forceinline__ bool has_room() const { return settings.task.n_bands <= ROOM; }
    // The finished bands of a frame of the block. Those of neighbouring frames begin so many banks
    // apart that lanes which read them meet in no bank, or in few.
    __device__ __forceinline__ R* kept(int frame) const {
        const int place = frame * 2 * S::SLOT + KEPT;
        R* numbers = reinterpret_cast<R*>(settings.slot - settings.group * S::SLOT);
        return numbers + place + ((32 / S::FRAMES * frame - place) & 31);
    }
    __device__ __forceinline__ Value unscaled(Value value) const {
        if constexpr (IN_RANGE)
            return value * unscale;
        else
            return value;
    }
    // Write a value in its last form.
    __device__ __forceinline__ void finish(int place, Value value) {
        if constexpr (What::IS_REAL) value = in_last_form(place, unscaled(value));
        if constexpr (TURNS)
            if (has_room()) {
                kept(settings.group)[place] = value;
                return;
            }
        if (live) row[place * settings.task.out_bin_stride] = Word(value);
    }
    __device__ __forceinline__ R in_last_form(int place, R value) {
        const Task<R>& task = settings.task;
        if (task.takes_log) {
            value = addend_of_log(value, task.added);
            peak = max(peak, bits(value));
            value = scaled_log(value, task);
        } else {
            value = task.factor * value + task.shift;
        }
        if (task.has_lines) {
            const R* lines = reinterpret_cast<const R*>(settings.filterbank) + task.lines_at;
            value = lines[2 * place] * value + lines[2 * place + 1];
        }
        return value;
    }
    // Let those who share a peak know it; a NaN wins. The values of a short group are raised to
    // their floor if all are there.
    __device__ __forceinline__ void publish(Peak* peaks, unsigned series_of_batch, Word* out) {
        if constexpr (What::IS_REAL && IN_SHARED) {
            const Task<R>& task = settings.task;
            if (!task.channels_of_peak) return;
            const unsigned group = series_of_batch / task.channels_of_peak;
            peak = S::largest_in_warp(peak);
            if (threadIdx.x % 32 == 0) atomicMax(&peaks[group].largest, peak);
            if (task.blocks_of_peak)
                raise_if_last<4>(peaks + group, task.blocks_of_peak,
                                 out + (i64)group * task.values_of_peak, task.values_of_peak, task,
                                 S::rank(), S::RANKS);
        }
    }
};

}  // namespace kapre
