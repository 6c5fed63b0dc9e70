# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What a council can try on its own machine: kills, flipped bits and other faults, and what the store made of them.

Everything happens in a folder of its own on invented rows; the council's home is never touched.
"""
