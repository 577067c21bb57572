"""Random configurations and packets, made so that rules match, borders are met and every reason occurs.

Owns what is thrown at the data plane in differential tests. Must not know what should become of it.
"""

from tests.generate.configurations import random_configuration
from tests.generate.packets import random_packets
from tests.generate.strategies import Scenario, configurations, random_scenario, scenarios

__all__ = [
    "Scenario",
    "configurations",
    "random_configuration",
    "random_packets",
    "random_scenario",
    "scenarios",
]
