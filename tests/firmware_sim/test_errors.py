"""Messages of errors quote names and values of files from anywhere."""

from stapes.firmware_sim.errors import LabelError


def test_a_message_is_one_line_whatever_it_quotes() -> None:
    hostile = "a\nb\r\x1b[2Jc\x85d\u2028e\u202ef\ud800g"
    assert str(LabelError(f"{hostile}: cannot be read")) == (
        r"a\nb\r\x1b[2Jc\x85d\u2028e\u202ef\ud800g: cannot be read"
    )


def test_letters_and_spaces_of_all_scripts_stay_as_they_are() -> None:
    names = "Tür\xa0日本\u3000привет 👍"
    assert str(LabelError(names)) == names


def test_a_long_message_keeps_where_and_what_to_do() -> None:
    message = str(LabelError(f"a.txt:3: onset {'9' * 5000} is not a number; correct the row"))
    assert message.startswith("a.txt:3: onset 999")
    assert message.endswith("is not a number; correct the row")
    assert len(message) < 1200
