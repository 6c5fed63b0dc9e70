# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The houses that keep records: how each writes what happened, in its own tables, files and messages."""
