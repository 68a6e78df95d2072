"""The first run says that it compiles kernels, and caches of deleted environments are deleted."""

import os
import platform
from types import SimpleNamespace

import pytest

from kapre_ref.command.terminal import tell_of_compiling
from kapre_ref.kernels.cpu.runtime import jit


@pytest.fixture
def told(monkeypatch):
    """Let the command say what happens to kernels, in this test alone."""
    for name in ("compiling", "not_kept"):
        monkeypatch.setattr(jit.Watch, name, None)
    tell_of_compiling()


@pytest.fixture
def cache(monkeypatch):
    """Return a cache with files that stand for kernels."""
    monkeypatch.setattr(jit._DiskCache, "_file_name", lambda *_: "a.kernel")
    monkeypatch.setattr(jit, "may_be_kept", lambda _: True)
    monkeypatch.setattr(jit, "kernel_to_bytes", lambda _: b"code")
    monkeypatch.setattr(jit, "kernel_from_bytes", lambda *_: "a kernel")
    jit._remove_abandoned.cache_clear()
    return jit._DiskCache(tell_of_compiling)


CONTEXT = SimpleNamespace(refresh=lambda: None, codegen=lambda: None)


@pytest.mark.usefixtures("told")
class TestMessages:
    def test_compiling_is_said_once(self, tmp_path, monkeypatch, capfd, cache):
        monkeypatch.setattr(jit, "_folders", lambda: [tmp_path])
        for _ in range(3):
            assert cache.load_overload("f(x)", CONTEXT) is None
        assert capfd.readouterr().err.count("compiling kernels for this processor, once") == 1

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
    def test_workers_do_not_say_it_again(self, capfd):
        child = os.fork()
        if not child:
            jit.Watch.compiling()
            os._exit(0)
        os.waitpid(child, 0)
        jit.Watch.compiling()
        assert capfd.readouterr().err.count("compiling kernels") == 1

    def test_nothing_is_said_of_kernels_that_are_there(self, tmp_path, monkeypatch, capfd, cache):
        monkeypatch.setattr(jit, "_folders", lambda: [tmp_path])
        cache.save_overload("f(x)", SimpleNamespace(codegen=None))
        assert cache.load_overload("f(x)", CONTEXT) == "a kernel"
        assert capfd.readouterr().err == ""

    def test_names_the_cure_where_nothing_can_be_kept(self, tmp_path, monkeypatch, capfd, cache):
        (tmp_path / "file").touch()
        monkeypatch.setattr(jit, "_folders", lambda: [tmp_path / "file" / "a"])
        for _ in range(2):
            cache.save_overload("f(x)", SimpleNamespace(codegen=None))
        error = capfd.readouterr().err
        assert f"{tmp_path / 'file' / 'a'} cannot be written; set NUMBA_CACHE_DIR to" in error
        assert error.count("NUMBA_CACHE_DIR") == 1


class TestAbandoned:
    @pytest.mark.parametrize(
        ("machine", "package", "stays"),
        [("this", "gone", False), ("this", "there", True), ("another", "gone", True)],
    )
    def test_caches_of_this_machine_go_with_their_package(
        self, tmp_path, monkeypatch, cache, machine, package, stays
    ):
        (tmp_path / "there").mkdir()
        other, mine = tmp_path / "kapre_ref-0123", tmp_path / "kapre_ref-4567"
        other.mkdir()
        machine = {"this": platform.node(), "another": "elsewhere"}[machine]
        (other / "owner.txt").write_text(f"{machine}\n{tmp_path / package}")
        (tmp_path / "kapre_ref-89ab").mkdir()  # nothing tells whose it is
        monkeypatch.setattr(jit, "_folders", lambda: [mine])
        cache.save_overload("f(x)", SimpleNamespace(codegen=None))
        assert other.exists() is stays
        assert (tmp_path / "kapre_ref-89ab").exists()
        assert (mine / "a.kernel").exists()
