// What becomes of the bins of a frame: complex or magnitudes, decibels, bands. The shapes S of
// frames.cuh and of mixed.cu tell which T threads share a frame and how they wait for each other.
//
// The T threads of a frame hand over its bins between begin() and end(), in any order; begin() may
// come again for the same frame. Plain results of stride 1 go straight to memory, neighbouring
// lanes to neighbouring addresses. All other results meet in shared memory first, in the frame's
// slot (stft.cu has a picture of it), and then each lane finishes every T-th of them: so the code
// of a logarithm is there once, not once for each register, and a stride costs one addition.
//
// Banks: bins k of neighbouring lanes are neighbours, in 4-byte words or 8-byte pairs (of float64,
// twice that), also when they are read again; frames of one warp begin T banks apart. Only sums
// over bands read with conflicts, for neighbouring bands begin a few bins apart: 128 mel bands of N
// = 2048 take 2.5 wavefronts a load, 142 of the 396 of a frame, and less than the issue slots do.

#pragma once
#include "frames.cuh"

namespace kapre {

__device__ __forceinline__ float square_root(float value) {
    return sqrtf(value);
}
__device__ __forceinline__ double square_root(double value) {
    return sqrt(value);
}

// What an output is told of its frame and of the launch.
template <class C>
struct Settings {
    int t;                   // this lane, among the T that share a frame
    C* slot;                 // shared memory, room for the bins of a frame
    Real<C>* words;          // the same, at a bank that no other frame of the warp begins in
    const int2* filterbank;
    const Task& task;
};

template <class S, class V>
struct Output {
    typedef S Shape;
    typedef V Value;
    typedef typename S::Complex C;
    typedef decltype(bits(Real<C>())) Bits;
    static constexpr int BLOCKS_MORE = 0;  // than the shape has on a multiprocessor
    static constexpr bool IN_SHARED = false;  // whether bins meet in shared memory
    const Settings<C>& settings;
    V* row;               // where the frame goes, if it is live
    bool live;            // whether there is such a frame
    Bits largest_square;  // among the bins of this lane

    __device__ __forceinline__ Output(const Settings<C>& settings) : settings(settings) {}
    __device__ __forceinline__ void begin(Real<C>) {}
    __device__ __forceinline__ void end() {}
    __device__ __forceinline__ void publish(unsigned*) {}
};

template <class S>
struct Bins : Output<S, typename S::Complex> {
    typedef typename S::Complex C;
    using Output<S, C>::live, Output<S, C>::row;
    static constexpr bool SQUARES = false;
    __device__ __forceinline__ Bins(const Settings<C>& settings) : Output<S, C>(settings) {}
    __device__ __forceinline__ void put(int k, C bin) {
        if (live) row[k] = bin;
    }
};

template <class S>
struct StridedBins : Output<S, typename S::Complex> {
    typedef typename S::Complex C;
    using Output<S, C>::live, Output<S, C>::row, Output<S, C>::settings;
    static constexpr int BLOCKS_MORE = -1;
    static constexpr bool IN_SHARED = true;
    static constexpr bool SQUARES = false;
    __device__ __forceinline__ StridedBins(const Settings<C>& settings) : Output<S, C>(settings) {}
    __device__ __forceinline__ void begin(Real<C>) { S::sync(); }  // the exchange is over
    __device__ __forceinline__ void put(int k, C bin) { settings.slot[k] = bin; }
    __device__ __forceinline__ void end() {
        S::sync();  // all bins have been put
        if (live)
            for (int k = settings.t; k <= S::N / 2; k += S::T)
                row[k * settings.task.out_bin_stride] = settings.slot[k];
    }
};

template <class S>
struct Magnitudes : Output<S, Real<typename S::Complex>> {
    typedef typename S::Complex C;
    using Output<S, Real<C>>::live, Output<S, Real<C>>::row, Output<S, Real<C>>::largest_square;
    static constexpr bool SQUARES = true;
    static constexpr int BLOCKS_MORE = S::N == 1024 || S::N == 2048;  // it needs so few registers
    Real<C> unscale;
    __device__ __forceinline__ Magnitudes(const Settings<C>& settings)
        : Output<S, Real<C>>(settings) {}
    __device__ __forceinline__ void begin(Real<C> inverse_of_scale) {
        unscale = inverse_of_scale;
        largest_square = 0;
    }
    __device__ __forceinline__ Real<C> scaled(C bin) {
        const Real<C> square = bin.x * bin.x + bin.y * bin.y;
        largest_square = max(largest_square, bits(square));
        return square_root(square);
    }
    __device__ __forceinline__ void put(int k, C bin) {
        const Real<C> magnitude = scaled(bin) * unscale;
        if (live) row[k] = magnitude;
    }
};

// Magnitudes that meet in shared memory, and go on in decibels if asked for.
template <class S, bool DECIBEL>
struct StridedMagnitudes : Magnitudes<S> {
    typedef typename S::Complex C;
    using Magnitudes<S>::live, Magnitudes<S>::row, Magnitudes<S>::settings, Magnitudes<S>::unscale;
    static constexpr bool IN_SHARED = true;
    static constexpr int BLOCKS_MORE = S::N < 1024 || (DECIBEL && S::N == 1024) ? -1 : 0;
    unsigned peak;  // bits of the largest magnitude that this lane made decibels of

    __device__ __forceinline__ StridedMagnitudes(const Settings<C>& settings)
        : Magnitudes<S>(settings), peak(0) {}
    __device__ __forceinline__ void begin(Real<C> inverse_of_scale) {
        Magnitudes<S>::begin(inverse_of_scale);
        S::sync();  // the exchange is over
    }
    __device__ __forceinline__ void put(int k, C bin) { settings.words[k] = this->scaled(bin); }
    __device__ __forceinline__ void end() {
        S::sync();  // all magnitudes have been put
        for (int k = settings.t; k <= S::N / 2; k += S::T) finish(k, settings.words[k]);
    }
    __device__ __forceinline__ void finish(int place, Real<C> scaled_value) {
        Real<C> value = scaled_value * unscale;
        if constexpr (DECIBEL) {
            value = value <= 0 ? 0 : value;  // weights may be negative; NaN stays
            peak = max(peak, bits(value));
            value = 10.0f * log10f(value) - settings.task.zero;
            // NaN stays. The logarithm of 0 is -inf, also where amin underflows.
            value = value < settings.task.least ? settings.task.least : value;
        }
        if (live) row[place * settings.task.out_bin_stride] = value;
    }
    // Let the item know its peak; a NaN wins.
    __device__ __forceinline__ void publish(unsigned* item_peak) {
        if constexpr (DECIBEL) {
            peak = S::largest_in_warp(peak);
            if (threadIdx.x % 32 == 0) atomicMax(item_peak, peak);
        }
    }
};

// Sums of magnitudes over the few bins where the weights of a band are not zero.
template <class S, bool DECIBEL>
struct Bands : StridedMagnitudes<S, DECIBEL> {
    typedef typename S::Complex C;
    static constexpr int BLOCKS_MORE = 0;
    __device__ __forceinline__ Bands(const Settings<C>& settings)
        : StridedMagnitudes<S, DECIBEL>(settings) {}
    __device__ __forceinline__ void end() {
        const Settings<C>& s = this->settings;
        const int n_bands = s.task.n_bands;
        const Real<C>* matrix = reinterpret_cast<const Real<C>*>(s.filterbank + n_bands);
        S::sync();  // all magnitudes have been put
        for (int band = s.t; band < n_bands; band += S::T) {
            const int2 bins = s.filterbank[band];
            const Real<C>* magnitudes = s.words + bins.x;
            const Real<C>* weights = matrix + band;
            Real<C> sums[4] = {0, 0, 0, 0};  // chains of additions that do not wait
            int i = 0;
            // No further: bands are narrow, and a longer code would mostly be passed over.
#pragma unroll 1
            for (; i + 4 <= bins.y; i += 4)
#pragma unroll
                for (int part = 0; part < 4; ++part) {
                    sums[part] += *weights * magnitudes[i + part];
                    weights += n_bands;
                }
#pragma unroll 1
            for (; i < bins.y; ++i) {
                sums[0] += *weights * magnitudes[i];
                weights += n_bands;
            }
            this->finish(band, (sums[0] + sums[1]) + (sums[2] + sums[3]));
        }
    }
};

}  // namespace kapre
