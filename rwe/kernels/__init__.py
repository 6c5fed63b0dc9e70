# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Loops over plain arrays: additive statistics by day, and what is finished from them."""
