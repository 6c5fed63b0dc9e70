# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What the engine serves over HTTP: the intake, where hospitals push messages. The only room with a web framework."""
