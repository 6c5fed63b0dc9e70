# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The command line: reads arguments, calls one function, turns an error into an exit code."""
