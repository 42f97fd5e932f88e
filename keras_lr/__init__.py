"""Learning-rate schedules and callbacks for Keras."""

import sys
import typing

__version__ = "0.2.0"

# For `python -m keras_lr`, Python imports this package before its `__main__`, and Keras takes seconds. A call for help,
# and one with a wrong argument, ends here without it. Until `__main__` runs, `sys.argv` begins with "-m".
if sys.argv[:1] == ["-m"] and sys.orig_argv[-len(sys.argv)] == __name__:
    from .compare.command import parse

    parse(sys.argv[1:], __version__)
    del parse

from .callbacks.adaptive_momentum_ramp import AdaptiveMomentumRamp
from .callbacks.bind_spans import BindSpans
from .callbacks.epoch_interval_switcher import EpochIntervalSwitcher
from .callbacks.epoch_schedule import EpochSchedule
from .callbacks.live_control import LiveControl
from .callbacks.monitor import Monitor
from .callbacks.plateau_reducer import PlateauReducer
from .compare.comparison import Comparison
from .compare.experiment import compare_policies
from .finder.find import find_learning_rate
from .finder.range_test import RangeTest
from .finder.tune import tune_learning_rate
from .finder.tuned import TunedRate
from .optimizers.layerwise import layerwise
from .optimizers.learning_rate import set_learning_rate
from .optimizers.resume_at import resume_at
from .optimizers.scheduled import scheduled
from .rules.adaptive_momentum import AdaptiveMomentum
from .rules.base import Rule, rule
from .rules.d_estimates import DAdaptation, Prodigy
from .rules.dowg import DoWG
from .schedules.arithmetic import Clip, Noise, Product, Rescale, Sum
from .schedules.base import Schedule, schedule
from .schedules.compose import Sequence, Warmup
from .schedules.curves import Constant, Cosine, Linear, Polynomial
from .schedules.cycles import CosineWaves, Repeat
from .schedules.decays import Exponential, InverseSqrt, InverseTime, PowerLaw
from .schedules.momentum import Demon, SutskeverMomentum
from .schedules.policies.drops import cooldown, flat_cosine, multi_step, scale_rate
from .schedules.policies.one_cycle import one_cycle, one_cycle_momentum, slanted_triangular
from .schedules.policies.restarts import sgdr, triangular
from .schedules.policies.warmups import noam, tri_stage, warmup_cosine, warmup_linear, warmup_stable_decay
from .schedules.shifts import Delay, PerUpdate, Skip, Staircase, Stretch
from .schedules.spans import Length, Span, epochs, examples, fraction
from .schedules.special_curves import Approach, ExpHyperbolic, Hyperbolic, Logarithmic, Rex, Tanh
from .schedules.step import Step
from .schedules.tables import Intervals, Knots, Table

if not typing.TYPE_CHECKING:  # type checkers know what there is
    from .schedules.hints import no_such_name as __getattr__  # noqa: F401

__all__ = [
    "AdaptiveMomentum",
    "AdaptiveMomentumRamp",
    "Approach",
    "BindSpans",
    "Clip",
    "Comparison",
    "Constant",
    "Cosine",
    "CosineWaves",
    "DAdaptation",
    "Delay",
    "Demon",
    "DoWG",
    "EpochIntervalSwitcher",
    "EpochSchedule",
    "ExpHyperbolic",
    "Exponential",
    "Hyperbolic",
    "Intervals",
    "InverseSqrt",
    "InverseTime",
    "Knots",
    "Length",
    "Linear",
    "LiveControl",
    "Logarithmic",
    "Monitor",
    "Noise",
    "PerUpdate",
    "PlateauReducer",
    "Polynomial",
    "PowerLaw",
    "Prodigy",
    "Product",
    "RangeTest",
    "Repeat",
    "Rescale",
    "Rex",
    "Rule",
    "Schedule",
    "Sequence",
    "Skip",
    "Span",
    "Staircase",
    "Step",
    "Stretch",
    "Sum",
    "SutskeverMomentum",
    "Table",
    "Tanh",
    "TunedRate",
    "Warmup",
    "compare_policies",
    "cooldown",
    "epochs",
    "examples",
    "find_learning_rate",
    "flat_cosine",
    "fraction",
    "layerwise",
    "multi_step",
    "noam",
    "one_cycle",
    "one_cycle_momentum",
    "resume_at",
    "rule",
    "scale_rate",
    "schedule",
    "scheduled",
    "set_learning_rate",
    "sgdr",
    "slanted_triangular",
    "tri_stage",
    "triangular",
    "tune_learning_rate",
    "warmup_cosine",
    "warmup_linear",
    "warmup_stable_decay",
]
