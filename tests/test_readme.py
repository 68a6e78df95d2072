"""What README.md says is so: its examples run, its calls are equal, its links work."""

import ast
import re
import shlex
import sys
from types import ModuleType

import numpy as np
import other_library
import pytest
import readme
from harness import fake_cupy
from record_torchaudio import FILE, STEP, name_of

import kapre_ref as kr
from kapre_ref.command.cli import main

FOLDER = readme.README.parent
soundfile = pytest.importorskip("soundfile", reason="needs soundfile: the extra cli")


def values_shown(block):
    """Yield each expression of a block with the value that the comment behind it shows."""
    lines = block.splitlines()
    for node in ast.parse(block).body:
        if isinstance(node, ast.Expr):
            shown = lines[node.end_lineno - 1][node.end_col_offset :].strip()
            yield ast.unparse(node), shown.removeprefix("# ").split(": ")[0]


@pytest.fixture
def kapre(monkeypatch):
    """Where Kapre is not installed, let its layer be our oracle for the same options."""

    def get_melspectrogram_layer(input_shape, **options):
        def layer(x):
            assert x.shape[1:] == input_shape
            return kr.melspectrogram_reference(x, **options)

        return layer

    try:
        import kapre.composed  # noqa: F401
    except ImportError:
        stand_in = ModuleType("kapre.composed")
        stand_in.get_melspectrogram_layer = get_melspectrogram_layer
        monkeypatch.setitem(sys.modules, "kapre", ModuleType("kapre"))
        monkeypatch.setitem(sys.modules, "kapre.composed", stand_in)


@pytest.fixture
def torch(monkeypatch):
    """Where torch is not installed, let another library be torch."""
    try:
        import torch  # noqa: F401
    except ImportError:
        stand_in = ModuleType("torch")
        stand_in.Tensor = stand_in.from_numpy = other_library.Tensor
        monkeypatch.setitem(sys.modules, "torch", stand_in)


@pytest.mark.usefixtures("kapre", "torch")
def test_examples_run_and_show_their_values(monkeypatch):
    monkeypatch.chdir(FOLDER)
    names, n_shown = {}, 0
    with fake_cupy.installed():
        for block in readme.blocks("python"):
            exec(compile(block, "README.md", "exec"), names)
            for expression, shown in values_shown(block):
                assert str(eval(expression, names)) == shown, expression
                n_shown += 1
    assert n_shown == 7


def test_commands_run(tmp_path, monkeypatch):
    from command import run, write_sound

    monkeypatch.chdir(tmp_path)
    write_sound(tmp_path / "recordings" / "one.wav")
    lines = [line for block in readme.blocks("sh") for line in block.splitlines()]
    commands = [shlex.split(line)[1:] for line in lines if line.startswith("kapre-ref ")]
    assert [run(*command) for command in commands] == [0, 0]
    assert np.load(tmp_path / "features" / "one.wav.npy").shape == (27, 80)
    assert np.load(tmp_path / "whisper" / "one.wav.npy").shape == (128, 30)


@pytest.fixture(scope="module")
def differences():
    """Return the largest difference of each row of equal calls, in the order of the table."""
    librosa = pytest.importorskip(
        "librosa", reason="librosa is not installed; it is only a witness"
    )
    y, sr = soundfile.read(FOLDER / "tests" / "data" / "recording.flac", dtype="float32")
    names = {"librosa": librosa, "np": np, "kr": kr, "y": y, "sr": sr}
    exec(readme.equal_front_ends(), names)
    found = []
    with np.load(FILE) as recorded:
        for theirs, ours, _, is_decibel in readme.equivalences():
            got = eval(ours, names)
            if theirs.startswith("torch"):
                got, expected = got[..., ::STEP], recorded[name_of(theirs)]
            else:
                expected = eval(theirs, names)
            assert got.shape == expected.shape
            scale = 1 if is_decibel else np.abs(expected).max()
            found.append(np.abs(got - expected).max() / scale)
    return np.array(found)


def test_calls_are_as_equal_as_the_table_says(differences):
    stated = np.array([difference for *_, difference, _ in readme.equivalences()])
    assert len(stated) == 9
    assert np.all(differences <= stated), differences
    # A row that compared something with itself would show no difference.
    assert np.all(differences > stated / 10), differences


class TestLinks:
    def targets(self):
        return re.findall(r"\]\((.*?)\)", readme.text())

    def test_only_pictures_are_relative(self):
        # A package index shows this page too and knows no file beside it. So a release gives the
        # pictures absolute addresses, by a command that RELEASING.md has.
        relative = [target for target in self.targets() if not target.startswith("https://")]
        assert relative == ["tests/data/recording.png", "asv_benchmarks/speed.png"]
        assert [target for target in relative if not (FOLDER / target).is_file()] == []

    def test_picture_is_what_the_command_draws(self, tmp_path):
        image = pytest.importorskip("PIL.Image", reason="needs Pillow: the extra cli")
        (arguments,) = re.findall(
            r"kapre-ref (features \S+) --out features (--plot)$", readme.text(), re.MULTILINE
        )
        command, recording = arguments[0].split()
        options = [str(FOLDER / recording), "--out", str(tmp_path), arguments[1]]
        assert main([command, *options]) == 0
        drawn, shown = (
            np.asarray(image.open(path).convert("RGB"), float)
            for path in (tmp_path / "recording.flac.png", FOLDER / "tests/data/recording.png")
        )
        assert np.mean(np.abs(drawn - shown)) < 1  # Pillow's letters may differ, the sound may not.

    def test_release_makes_all_absolute(self):
        (pattern, target) = re.search(
            r'sed -i -E "s#(.*)#(.*)#"', document("RELEASING.md")
        ).groups()
        absolute = re.sub(pattern, target, readme.text())
        assert len(re.findall(r"\]\(URL/vX.Y.Z/", absolute)) == 2
        assert re.findall(r"\]\((?!URL/|https://)", absolute) == []

    @pytest.mark.parametrize("name", ["README.md", ".github/CONTRIBUTING.md"])
    def test_files_that_are_named_exist(self, name):
        named = re.findall(r"`([\w./]+\.(?:md|py|png|flac|npz))`", (FOLDER / name).read_text())
        assert len(named) >= 3
        folders = (FOLDER, FOLDER / "kapre_ref", FOLDER / "asv_benchmarks")
        assert [n for n in named if not any((folder / n).exists() for folder in folders)] == []


def document(name):
    return (FOLDER / ".github" / name).read_text(encoding="utf-8")


def test_version_is_the_same_everywhere():
    assert f"\nversion: {kr.__version__}\n" in document("CITATION.cff")
    assert f"\n## {kr.__version__}" in document("CHANGELOG.md")


def test_every_operation_is_in_the_table():
    table = readme.text().split("\n## Operations")[1].split("\n## ")[0]
    windows = {name for name in kr.__all__ if name.endswith("_window")}
    operations = {name for name in kr.__all__ if f"{name}_reference" in kr.__all__} - windows
    assert [name for name in operations if f"`{name}`" not in table] == []
    assert len(windows) == 5


PAGES = [
    *FOLDER.glob("*.md"),
    *FOLDER.glob(".github/*.md"),
    *FOLDER.glob("asv_benchmarks/**/*.md"),
    *FOLDER.glob("kapre_ref/**/*.md"),
]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(FOLDER)))
def test_tables_are_shown_as_tables(path):
    # A page shows plain text if the line below the head has more or fewer cells than the head.
    lines = [re.sub(r"`[^`]*`", "", line) for line in path.read_text(encoding="utf-8").split("\n")]
    below = [i for i, line in enumerate(lines) if re.fullmatch(r"\|( ?:?-+:? ?\|)+", line)]
    assert [lines[i - 1] for i in below if lines[i - 1].count("|") != lines[i].count("|")] == []
