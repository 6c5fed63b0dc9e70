# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Named scenarios, rivals as adapters, the floor; results are committed."""
