# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Adapters: each module offers, by the name of the work, a function that prepares rows and returns the call measured.

The call returns numbers that are compared with ours. What a rival wants as input is made before the
clock runs; ours starts from polars columns.
"""
