# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""From single exposures to courses of treatment: eras, doses, lines of therapy, what was stopped or begun again."""

from rwe.treatment.course import Course, Known, treat

__all__ = ["Course", "Known", "treat"]
