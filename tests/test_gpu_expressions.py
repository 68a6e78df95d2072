"""What the GPU does by array expressions of CuPy: the tests of each operation, on the stand-in."""

import pytest
import test_apply_filterbank
import test_assembly
import test_augmentation
import test_delta
import test_frequency_map
import test_mfcc
import test_polar
import test_standardize
from conftest import Arrangement, Backend
from harness import fake_cupy
from on_harness import on_harness


@pytest.fixture
def backend():
    with fake_cupy.installed():
        yield Backend("gpu")


@pytest.fixture(params=["strided", "reversed", "fortran"])
def arrangement(request, backend, tmp_path):
    return Arrangement(backend, request.param, tmp_path)


@on_harness
class TestApplyFilterbank(test_apply_filterbank.TestApplyFilterbank):
    pass


@on_harness
class TestChannelSwap(test_augmentation.TestChannelSwap):
    pass


@on_harness
class TestConcatenateFrequencyMap(test_frequency_map.TestConcatenateFrequencyMap):
    pass


@on_harness
class TestDelta(test_delta.TestDelta):
    pass


@on_harness
class TestFixLength(test_assembly.TestFixLength):
    pass


@on_harness
class TestLogmelToMfcc(test_mfcc.TestLogmelToMfcc):
    pass


@on_harness
class TestMagnitude(test_polar.TestMagnitude):
    pass


@on_harness
class TestPatches(test_assembly.TestPatches):
    pass


@on_harness
class TestPhase(test_polar.TestPhase):
    pass


@on_harness
class TestSpecAugment(test_augmentation.TestSpecAugment):
    pass


@on_harness
class TestStackFrames(test_assembly.TestStackFrames):
    pass


@on_harness
class TestStandardize(test_standardize.TestStandardize):
    test_longest = None  # It takes gigabytes, which a real GPU has.
