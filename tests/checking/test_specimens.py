"""The gallery's specimens before they are judged: what is planted is known by its name."""

from clearprop.base.messages import table
from clearprop.checking.gallery.measuring import ROOMS
from clearprop.checking.gallery.specimen import AND, STRANGER


def test_every_planted_mistake_has_a_sentence() -> None:
    specimens = [one for room in ROOMS for one in room.specimens(range(1))]
    names = {name for one in specimens for name in one.mistake.split(AND)} - {"", STRANGER}
    assert len(names) > 60
    assert not names - {key.partition(".")[0] for key in table("en", "mistakes")}
