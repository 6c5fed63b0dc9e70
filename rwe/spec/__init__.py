# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The grammar of the files that people write: studies, sites, mappings, trials, agreements, schedules."""
