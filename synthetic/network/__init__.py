# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""An invented hospital network whose truth is known: what was planted, who lived it, and clean records of it."""
