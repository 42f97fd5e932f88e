"""Learning-rate schedules and callbacks for Keras."""

from .adaptive_momentum import AdaptiveMomentum
from .callbacks.adaptive_momentum_ramp import AdaptiveMomentumRamp
from .callbacks.bind_spans import BindSpans
from .callbacks.epoch_interval_switcher import EpochIntervalSwitcher
from .callbacks.epoch_schedule import EpochSchedule
from .callbacks.live_control import LiveControl
from .callbacks.monitor import Monitor
from .callbacks.plateau_reducer import PlateauReducer
from .layerwise import layerwise
from .optimizers import scheduled, set_learning_rate
from .resume import resume_at
from .schedules.base import Schedule, schedule
from .schedules.compose import PerUpdate, Sequence, Warmup
from .schedules.curves import Constant, Cosine, Exponential, InverseTime, Linear, Polynomial
from .schedules.momentum import Demon, SutskeverMomentum
from .schedules.policies import one_cycle, warmup_cosine
from .schedules.spans import Span, epochs, examples, fraction
from .schedules.step import Step
from .schedules.tables import Intervals, Table

__version__ = "0.1.0"

__all__ = [
    "AdaptiveMomentum",
    "AdaptiveMomentumRamp",
    "BindSpans",
    "Constant",
    "Cosine",
    "Demon",
    "EpochIntervalSwitcher",
    "EpochSchedule",
    "Exponential",
    "Intervals",
    "InverseTime",
    "Linear",
    "LiveControl",
    "Monitor",
    "PerUpdate",
    "PlateauReducer",
    "Polynomial",
    "Schedule",
    "Sequence",
    "Span",
    "Step",
    "SutskeverMomentum",
    "Table",
    "Warmup",
    "epochs",
    "examples",
    "fraction",
    "layerwise",
    "one_cycle",
    "resume_at",
    "schedule",
    "scheduled",
    "set_learning_rate",
    "warmup_cosine",
]
