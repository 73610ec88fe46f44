"""What was probably done wrong: the mistakes whose numbers are the claimed ones, most likely first.

Every known mistake is a transformation that turns the right gradient, or the trusted backward pass
with one thing changed, into the wrong one. A mistake is named when its transformation reproduces
the claimed numbers, which are far from the right ones, and no better founded one does. Where
nothing does, the answer is empty: a wrong name costs more than none.

    arrays alone            elementary.py, fitted.py
    running the code again  behaviour.py
    the trusted pass        trusted.py, recognition.py, walk.py; chain.py, structure.py
    another layout          layouts.py
    the choice              choice.py
"""

from clearprop.checking.diagnosis.choice import diagnose
from clearprop.checking.diagnosis.sentences import Sentences, sentences

__all__ = ["Sentences", "diagnose", "sentences"]
