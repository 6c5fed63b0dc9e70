# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The tables of the ledger of arrivals, what is staged in memory, and how what was staged gets its numbers."""

from __future__ import annotations

TABLES = """
CREATE TABLE IF NOT EXISTS ledger (id TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS file (path TEXT PRIMARY KEY, size INTEGER, modified INTEGER, changed INTEGER);
CREATE TABLE IF NOT EXISTS fault (path TEXT, member TEXT, reason TEXT);
CREATE TABLE IF NOT EXISTS message (
    seq INTEGER PRIMARY KEY, id TEXT UNIQUE, sha256 TEXT, kind TEXT, created_on TEXT, path TEXT, member TEXT,
    signed INTEGER
);
CREATE TABLE IF NOT EXISTS version (
    stream TEXT, number TEXT, seq INTEGER, created_on TEXT, count INTEGER, PRIMARY KEY (stream, number, seq)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS aside (stream TEXT, seq INTEGER, reason TEXT, batch TEXT, PRIMARY KEY (stream, seq));
"""
STAGED = """
CREATE TEMP TABLE seen (path TEXT, size INTEGER, modified INTEGER, changed INTEGER);
CREATE TEMP TABLE wrong (path TEXT, member TEXT, reason TEXT);
CREATE TEMP TABLE come (
    id TEXT, sha256 TEXT, kind TEXT, created_on TEXT, path TEXT, member TEXT, signed INTEGER
);
"""
ARRIVE = """
DELETE FROM fault WHERE path IN (SELECT path FROM temp.seen);
INSERT OR REPLACE INTO file SELECT * FROM temp.seen;
INSERT INTO fault SELECT * FROM temp.wrong;
INSERT INTO message (id, sha256, kind, created_on, path, member, signed)
    SELECT * FROM temp.come WHERE true ORDER BY created_on, path, member
    ON CONFLICT (id) DO UPDATE SET path = excluded.path, member = excluded.member WHERE sha256 = excluded.sha256;
INSERT INTO fault SELECT c.path, c.member, :other FROM temp.come c JOIN message m USING (id) WHERE m.sha256 <> c.sha256;
DELETE FROM temp.seen; DELETE FROM temp.wrong; DELETE FROM temp.come;
"""
