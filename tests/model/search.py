# SPDX-License-Identifier: Apache-2.0
"""How long, and where, Hypothesis searches.

The same cases each time, so that a run tells about the change and not about luck; TGSTORE_MODEL_EXAMPLES=5000 makes
it that many new ones.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

EXAMPLES = os.environ.get("TGSTORE_MODEL_EXAMPLES")


def search(examples: int) -> settings:
    return settings(
        max_examples=int(EXAMPLES or examples),
        derandomize=EXAMPLES is None,
        deadline=None,
        database=None,
        print_blob=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
