"""What was probably done wrong: the mistakes whose numbers are the claimed ones, most likely first.

Every known mistake is a transformation that turns the right gradient, or the trusted backward pass
with one thing changed, into the wrong one. A mistake is named when its transformation reproduces
the claimed numbers, which are far from the right ones, and no better founded one does. Where
nothing does, the answer is empty: a wrong name costs more than none.

    the arrays alone         elementary.py, fitted.py
    running the code again   behaviour.py
    the trusted pass         trusted.py, recognition.py, altered_pass.py; chain_rule.py, mixing.py
    another loss or layout   other_losses.py, layouts.py
    the choice, and why      why_named.py; what it found: diagnosis.py
"""

from clearprop.checking.diagnosis.diagnosis import Diagnosis
from clearprop.checking.diagnosis.evidence import Evidence
from clearprop.checking.diagnosis.why_named import diagnose

__all__ = ["Diagnosis", "Evidence", "diagnose"]
