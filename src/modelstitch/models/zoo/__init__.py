"""The paper's Small ResNets: R_abcd with one or two blocks a stage, R18 and R34."""

from __future__ import annotations

from modelstitch.models.zoo.resnet import STAGES, SmallResNet, build, describe

__all__ = ["STAGES", "SmallResNet", "build", "describe"]
