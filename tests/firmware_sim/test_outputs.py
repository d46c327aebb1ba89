"""An output is whole or not there, an older one is kept until the new one stands: after errors and after kills."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from stapes.firmware_sim.errors import OutputError
from stapes.firmware_sim.outputs import Mark, interrupted, new_file, new_folder, require_new_folder, write_whole

MARK = Mark("mark.txt", text="mine")


def write(path: Path, text: str, force: bool = True) -> None:
    """Write a folder of three files that all hold `text`."""
    with new_folder(path, force=force, mark=MARK) as draft:
        (draft / "mark.txt").write_text(f"mine {text}")
        (draft / "a.txt").write_text(text)
        (draft / "sub").mkdir()
        (draft / "sub" / "b.txt").write_text(text)


def content(path: Path) -> str:
    """Return the text of a folder; it must be whole and of one run."""
    texts = {(path / "a.txt").read_text(), (path / "sub" / "b.txt").read_text()}
    assert texts == {(path / "mark.txt").read_text().removeprefix("mine ")}
    return texts.pop()


def killed(action: Callable[[], None], at_call: int) -> bool:
    """Run `action` in a process that dies, without any clean-up, at its n-th move or removal; False if it finished."""
    if (child := os.fork()) == 0:
        calls = 0

        def mortal(function: Callable[..., None]) -> Callable[..., None]:
            def call(*arguments: Path, **options: bool) -> None:
                nonlocal calls
                calls += 1
                if calls == at_call:
                    if function is shutil_rmtree:  # dies after a part of it
                        (arguments[0] / "mark.txt").unlink(missing_ok=True)
                    os._exit(9)
                function(*arguments, **options)

            return call

        shutil_rmtree = shutil.rmtree
        os.replace, shutil.rmtree = mortal(os.replace), mortal(shutil.rmtree)  # type: ignore[assignment]
        try:
            action()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


@pytest.mark.parametrize("at_call", range(1, 6))
def test_a_kill_at_any_move_leaves_one_whole_folder_and_the_next_run_heals(tmp_path: Path, at_call: int) -> None:
    out = tmp_path / "out"
    write(out, "old")
    assert killed(lambda: write(out, "new"), at_call)
    assert content(out if out.exists() else tmp_path / ".out.old") in ("old", "new")
    with pytest.raises(OutputError, match="exists already"):
        require_new_folder(out, False, MARK)
    assert content(out) in ("old", "new")
    write(out, "newer")
    assert content(out) == "newer"
    assert list(tmp_path.iterdir()) == [out]


def test_five_moves_and_removals_are_all(tmp_path: Path) -> None:
    write(tmp_path / "out", "old")
    assert not killed(lambda: write(tmp_path / "out", "new"), 6)


def test_a_kill_while_the_first_folder_is_moved_leaves_none_or_a_whole_one(tmp_path: Path) -> None:
    assert killed(lambda: write(tmp_path / "out", "first"), 2)
    assert not (tmp_path / "out").exists()
    write(tmp_path / "out", "second", force=False)
    assert content(tmp_path / "out") == "second"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_the_folder_that_a_kill_moved_aside_is_found(tmp_path: Path) -> None:
    out = tmp_path / "out"
    write(out, "old")
    assert interrupted(out) is None
    assert killed(lambda: write(out, "new"), 3)
    assert not out.exists()
    assert interrupted(out) == tmp_path / ".out.old"


@pytest.mark.parametrize("failing_move", [1, 2])
def test_a_move_that_fails_leaves_the_older_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing_move: int
) -> None:
    out, moves, replace = tmp_path / "out", [], os.replace
    write(out, "old")

    def fail(source: Path, target: Path) -> None:
        moves.append(source)
        if len(moves) == failing_move:
            raise OSError(5, "Input/output error", str(source), None, str(target))
        replace(source, target)

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OutputError, match="out: cannot be written: Input/output error"):
        write(out, "new")
    assert content(out) == "old"
    assert list(tmp_path.iterdir()) == [out]


def test_an_exception_while_writing_leaves_the_older_folder(tmp_path: Path) -> None:
    write(tmp_path / "out", "old")
    with pytest.raises(KeyboardInterrupt), new_folder(tmp_path / "out", force=True, mark=MARK) as draft:
        (draft / "mark.txt").write_text("mine, half")
        raise KeyboardInterrupt
    assert content(tmp_path / "out") == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_recording_that_cannot_be_read_is_no_matter_of_the_output(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), new_folder(tmp_path / "out", force=False, mark=MARK):
        (tmp_path / "recording.wav").read_bytes()


def test_a_draft_that_cannot_be_written_names_the_output(tmp_path: Path) -> None:
    with (
        pytest.raises(OutputError, match="out: cannot be written: No such file"),
        new_folder(tmp_path / "out", force=False, mark=MARK) as draft,
    ):
        (draft / "none" / "file").write_text("")


@pytest.mark.parametrize("mark", [None, "of another program"])
def test_force_replaces_no_folder_of_others(tmp_path: Path, mark: str | None) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "thesis.txt").write_text("years of work")
    if mark:
        (out / "mark.txt").write_text(mark)
    with pytest.raises(OutputError, match=r"out holds no mark\.txt that this command wrote, so it is not replaced"):
        write(out, "new")
    assert (out / "thesis.txt").read_text() == "years of work"


def test_what_others_keep_under_the_name_of_the_older_folder_is_left_alone(tmp_path: Path) -> None:
    aside = tmp_path / ".out.old"
    aside.mkdir()
    (aside / "thesis.txt").write_text("years of work")
    write(tmp_path / "out", "new")
    assert (aside / "thesis.txt").exists()


def test_the_current_folder_is_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "out", "old")
    monkeypatch.chdir(tmp_path / "out" / "sub")
    with pytest.raises(OutputError, match="is the current folder"):
        write(tmp_path / "out", "new")
    assert content(tmp_path / "out") == "old"


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    write(tmp_path / "real", "old")
    (tmp_path / "link").symlink_to("real")
    write(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert content(tmp_path / "real") == "new"
    (tmp_path / "link.txt").symlink_to("real.txt")
    write_whole(tmp_path / "link.txt", "new")
    assert (tmp_path / "real.txt").read_text() == "new"


@pytest.mark.parametrize("error", [RuntimeError(), KeyboardInterrupt()])
def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path, error: BaseException) -> None:
    path = tmp_path / "file.txt"
    write_whole(path, "old")
    with pytest.raises(type(error)), new_file(path) as draft:
        draft.write_text("half")
        raise error
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
    write_whole(path, "new")
    assert path.read_text() == "new"


def test_a_file_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"no/file\.txt: cannot be written: No such file.*; choose another place"):
        write_whole(tmp_path / "no" / "file.txt", "")
