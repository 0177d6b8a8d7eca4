"""Whether this machine can run what is compiled for a target, and which features a machine must have for it.

In: a `Target`. Next: `compile_model.py`.
"""

from compiler.target import CPUS, Target

LINUX_NAMES = {"sse3": "pni", "sse4.1": "sse4_1", "sse4.2": "sse4_2", "lzcnt": "abm", "bmi": "bmi1"}


def _known_features(target: Target) -> tuple[str, ...]:
    """LLVM's names of the features that code for the target may use, of those that tell cpus of its architecture apart."""
    known = {feature for features in CPUS[target.arch].values() for feature in features}
    return tuple(sorted(feature for feature in known if target.has(feature)))


def linux_features(target: Target) -> tuple[str, ...]:
    """What /proc/cpuinfo must list on a machine that runs the code; ARM cpus of one architecture hardly differ in what matters here."""
    return tuple(LINUX_NAMES.get(feature, feature) for feature in _known_features(target)) if target.arch == "x86_64" else ()


def runs_here(target: Target) -> bool:
    """Whether this process can call code for the target."""
    host = Target.parse("host")
    same_system = target.triple.split("-")[2:3] == host.triple.split("-")[2:3]
    return target.arch == host.arch and same_system and all(host.has(feature) for feature in _known_features(target))
