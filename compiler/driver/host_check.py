"""Whether this machine can run what is compiled for a target, and which features a machine must have for it.

In: a `Target`. Next: `compile_model.py`.
"""

from compiler.target import CPUS, Target

LINUX_NAMES = {"sse3": "pni", "sse4.1": "sse4_1", "sse4.2": "sse4_2", "lzcnt": "abm", "neon": "asimd"}
SELDOM_TOLD = frozenset({"fma"})  # of ARM cpus: part of neon


def required_features(target: Target) -> tuple[str, ...]:
    """LLVM's names of the features that code for the target may use, of those that tell cpus of one architecture apart."""
    implied = {feature for features in CPUS[target.arch].values() for feature in features}
    named = {word[1:] for word in target.features.split(",") if word.startswith("+")}
    return tuple(sorted(feature for feature in implied | named if target.has(feature)))


def linux_features(target: Target) -> tuple[str, ...]:
    """The same as /proc/cpuinfo spells them, as far as it does."""
    implied = {feature for features in CPUS[target.arch].values() for feature in features}
    features = [feature for feature in required_features(target) if feature in implied]
    if target.arch != "x86_64":
        features = [feature for feature in features if feature not in SELDOM_TOLD]
    return tuple(LINUX_NAMES.get(feature, feature) for feature in features)


def runs_here(target: Target) -> bool:
    """Whether this process can call code for the target."""
    host = Target.parse("host")
    same_system = target.triple.split("-")[2:3] == host.triple.split("-")[2:3]
    return target.arch == host.arch and same_system and all(host.has(feature) for feature in required_features(target))
