"""How often somebody may ask: moving windows, counted in Redis where processes share one, else in this process."""

from infra.rates.counter import Counter
from infra.rates.failures import Failures
from infra.rates.peers import Peers, network_of, networks_from
from infra.rates.permits import Permits
from infra.rates.rate import Rate, rate

__all__ = ["Counter", "Failures", "Peers", "Permits", "Rate", "network_of", "networks_from", "rate"]
