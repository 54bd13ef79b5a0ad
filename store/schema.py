"""The two databases' schemas as numbered steps.

- A step is never changed once released; a new version is a new step at the end.
- All steps that a file lacks run in one transaction; afterwards `user_version` is the number of
  steps. A file of a higher version is refused by `store.database` before anything is written,
  unless it says that programs of this version may go on with it (`oldest`): so a release that turns
  out bad is taken back without touching the databases (docs/updates.md).
- A step keeps `oldest` when it only adds tables, indexes, views, and triggers that refuse nothing:
  older statements name no columns. Any other step sets `oldest` to its own number.
- Tables are STRICT, so a column holds the type that it says.
- The schema itself keeps the rules that must hold whatever program writes: the ledger's rows are
  never updated, a template cannot be without a consent that is in force.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Schema:
    """A kind of database: its `application_id` and, a version each, the statements that make it.

    `state` asks for a number that only grows and a text, which tell two states of the file apart
    (`store.mark`); no row while there is nothing to tell. `compatible_with` is the lowest version
    whose programs may go on with a file of this one; 0: none but this.
    """

    name: str
    application_id: int
    steps: tuple[tuple[str, ...], ...]
    state: str
    compatible_with: int = 0

    @property
    def version(self) -> int:
        """The number of steps."""
        return len(self.steps)

    @property
    def oldest(self) -> int:
        """The lowest version whose programs may open a file of this one."""
        return self.compatible_with or self.version

    @property
    def stamp(self) -> int:
        """`user_version`: the version, and in the upper half `oldest` where that is another."""
        return self.version | (self.oldest << 16 if self.oldest != self.version else 0)


def unstamp(user_version: int) -> tuple[int, int]:
    """(version, oldest) of a file."""
    version = user_version & 0xFFFF
    return version, user_version >> 16 or version


_LEDGER_1 = (
    """CREATE TABLE records (
        seq INTEGER PRIMARY KEY CHECK (seq >= 1),
        id TEXT NOT NULL,
        kind TEXT NOT NULL,
        payload BLOB NOT NULL,
        previous BLOB NOT NULL CHECK (length(previous) = 32),
        hash BLOB NOT NULL CHECK (length(hash) = 32),
        signature BLOB NOT NULL CHECK (length(signature) = 64)
    ) STRICT""",
    """CREATE TRIGGER records_follow BEFORE INSERT ON records
        WHEN NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM records)
            OR NEW.previous IS NOT coalesce(
                (SELECT hash FROM records ORDER BY seq DESC LIMIT 1), zeroblob(32))
        BEGIN SELECT raise(ABORT, 'a record follows the newest one'); END""",
    """CREATE TRIGGER records_are_final BEFORE UPDATE ON records
        BEGIN SELECT raise(ABORT, 'a record is never changed'); END""",
    """CREATE TRIGGER records_stay BEFORE DELETE ON records
        BEGIN SELECT raise(ABORT, 'a record is never deleted'); END""",
    # Whose ledger this is: set with the first record, the same for all others.
    """CREATE TABLE owner (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        site TEXT NOT NULL,
        terminal TEXT NOT NULL,
        public_key BLOB NOT NULL CHECK (length(public_key) = 32)
    ) STRICT""",
    """CREATE TABLE receipt (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        document BLOB NOT NULL,
        seq INTEGER NOT NULL CHECK (seq >= 0),
        hash BLOB NOT NULL CHECK (length(hash) = 32)
    ) STRICT""",
    """CREATE TABLE inbox (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        kind TEXT NOT NULL,
        document BLOB NOT NULL
    ) STRICT""",
    """CREATE TABLE replies (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        document BLOB NOT NULL
    ) STRICT""",
    """CREATE TABLE replay (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        from_seq INTEGER NOT NULL CHECK (from_seq >= 1)
    ) STRICT""",
    """CREATE TABLE last_command (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        number INTEGER NOT NULL CHECK (number >= 1)
    ) STRICT""",
)

# Pruning: up to which record the chain was cut, and only what headquarters has may be cut.
_NOT_TO_BE_CUT = """NEW.seq > coalesce((SELECT seq FROM receipt), 0)
            OR NEW.seq >= (SELECT max(seq) FROM records)
            OR NEW.hash IS NOT (SELECT hash FROM records WHERE seq = NEW.seq)"""
_LEDGER_2 = (
    """CREATE TABLE pruned (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        seq INTEGER NOT NULL CHECK (seq >= 1),
        hash BLOB NOT NULL CHECK (length(hash) = 32)
    ) STRICT""",
    f"""CREATE TRIGGER pruned_is_received BEFORE INSERT ON pruned WHEN {_NOT_TO_BE_CUT}
        BEGIN SELECT raise(ABORT, 'only received records are pruned'); END""",
    f"""CREATE TRIGGER pruned_goes_on BEFORE UPDATE ON pruned
        WHEN NEW.seq < OLD.seq OR {_NOT_TO_BE_CUT}
        BEGIN SELECT raise(ABORT, 'only received records are pruned'); END""",
    """CREATE TRIGGER pruned_stays BEFORE DELETE ON pruned
        BEGIN SELECT raise(ABORT, 'what is pruned stays so'); END""",
    "DROP TRIGGER records_stay",
    """CREATE TRIGGER records_stay BEFORE DELETE ON records
        WHEN OLD.seq > coalesce((SELECT seq FROM pruned), 0)
        BEGIN SELECT raise(ABORT, 'a record is never deleted'); END""",
    # The gallery's notes that have their record already (`store.register`).
    "CREATE TABLE settled (note TEXT PRIMARY KEY) STRICT, WITHOUT ROWID",
    "CREATE TABLE erasure (one INTEGER PRIMARY KEY CHECK (one = 1)) STRICT",
)

# Going on after the file was lost (`store.recovery`): while the row of `provisional` is there,
# nothing is sent, and what lies after the receipt may be numbered again.
_LEDGER_3 = (
    """CREATE TABLE provisional (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        reason TEXT NOT NULL
    ) STRICT""",
    """CREATE TABLE resumptions (
        seq INTEGER PRIMARY KEY,
        after_seq INTEGER NOT NULL CHECK (after_seq >= 0 AND after_seq < seq),
        after_hash BLOB NOT NULL CHECK (length(after_hash) = 32)
    ) STRICT""",
    "DROP TRIGGER records_follow",
    """CREATE TRIGGER records_follow BEFORE INSERT ON records
        WHEN (NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM records)
            OR NEW.previous IS NOT coalesce(
                (SELECT hash FROM records ORDER BY seq DESC LIMIT 1), zeroblob(32)))
            AND NOT (NEW.kind = 'resumption'
                AND NEW.seq > (SELECT coalesce(max(seq), 0) FROM records)
                AND NEW.previous IS (SELECT after_hash FROM resumptions WHERE seq = NEW.seq))
        BEGIN SELECT raise(ABORT, 'a record follows the newest one'); END""",
    "DROP TRIGGER records_stay",
    """CREATE TRIGGER records_stay BEFORE DELETE ON records
        WHEN OLD.seq > coalesce((SELECT seq FROM pruned), 0)
            AND NOT (EXISTS (SELECT 1 FROM provisional)
                AND OLD.seq > coalesce((SELECT seq FROM receipt), 0))
        BEGIN SELECT raise(ABORT, 'a record is never deleted'); END""",
)

# A new TLS certificate on its way (`store.renewal`).
_LEDGER_4 = (
    """CREATE TABLE renewal (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        number INTEGER NOT NULL CHECK (number >= 1),
        request TEXT,
        told INTEGER NOT NULL DEFAULT 0 CHECK (told IN (0, 1)),
        certificate TEXT CHECK (certificate IS NULL OR request IS NOT NULL),
        conclusion TEXT CHECK (conclusion IN ('installed', 'refused', 'rejected')),
        detail TEXT NOT NULL DEFAULT ''
    ) STRICT""",
)

# The kinds in the index `records_noted`; one more is a new step, which makes the index anew.
NOTED = "('time_correction', 'dispute', 'declared_punch', 'face_failed')"

# A person's own records, without a table to keep in step: SQLite computes the key of each row.
# A payload that is no JSON is nobody's, and hinders nobody.
PERSON_OF_PAYLOAD = (
    "CASE WHEN json_valid(CAST(payload AS TEXT)) "
    "THEN json_extract(CAST(payload AS TEXT), '$.body.person') END"
)
_LEDGER_5 = (
    f"""CREATE INDEX records_by_person ON records ({PERSON_OF_PAYLOAD}, seq)
        WHERE {PERSON_OF_PAYLOAD} IS NOT NULL""",
    # Few among very many, and asked for by their kind (`store.noted`).
    f"CREATE INDEX records_noted ON records (kind) WHERE kind IN {NOTED}",
)

_GALLERY_1 = (
    """CREATE TABLE people (
        number TEXT PRIMARY KEY,
        name TEXT NOT NULL,
        language TEXT NOT NULL,
        status TEXT NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'blocked', 'left')),
        added_utc TEXT NOT NULL
    ) STRICT""",
    """CREATE TABLE consents (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        person TEXT NOT NULL REFERENCES people (number) ON DELETE CASCADE,
        text_version TEXT NOT NULL,
        text_digest TEXT NOT NULL,
        how TEXT NOT NULL,
        witness TEXT,
        given_utc TEXT NOT NULL,
        live INTEGER NOT NULL DEFAULT 1 CHECK (live IN (0, 1)),
        ended_utc TEXT,
        ended_why TEXT CHECK (ended_why IN ('withdrawn', 'renewed', 'left')),
        CHECK ((live = 1) = (ended_utc IS NULL)),
        CHECK ((live = 1) = (ended_why IS NULL)),
        UNIQUE (id, person, live)
    ) STRICT""",
    "CREATE UNIQUE INDEX one_live_consent ON consents (person) WHERE live = 1",
    # The foreign key holds `live = 1` on both sides: a template needs a consent that is in force,
    # and a consent cannot end while a template stands on it.
    """CREATE TABLE templates (
        id INTEGER PRIMARY KEY,
        person TEXT NOT NULL,
        consent INTEGER NOT NULL,
        live INTEGER NOT NULL DEFAULT 1 CHECK (live = 1),
        model TEXT NOT NULL,
        vector BLOB NOT NULL CHECK (length(vector) > 0 AND length(vector) % 4 = 0),
        quality_millionths INTEGER NOT NULL CHECK (quality_millionths BETWEEN 0 AND 1000000),
        made_utc TEXT NOT NULL,
        FOREIGN KEY (consent, person, live) REFERENCES consents (id, person, live)
            DEFERRABLE INITIALLY DEFERRED
    ) STRICT""",
    "CREATE INDEX templates_by_person ON templates (person)",
    # One row while deleted biometric data may still be in the write-ahead log.
    "CREATE TABLE erasure (one INTEGER PRIMARY KEY CHECK (one = 1)) STRICT",
)

_GALLERY_2 = (
    "ALTER TABLE people ADD COLUMN keep_until_utc TEXT",
    "ALTER TABLE people ADD COLUMN left_utc TEXT",
    """UPDATE people SET left_utc = coalesce(
        (SELECT max(ended_utc) FROM consents WHERE person = number), added_utc)
        WHERE status = 'left'""",
    """CREATE TABLE roles (
        person TEXT NOT NULL REFERENCES people (number) ON DELETE CASCADE,
        role TEXT NOT NULL CHECK (role IN ('admin', 'enroller', 'auditor')),
        PRIMARY KEY (person, role)
    ) STRICT, WITHOUT ROWID""",
    # What was done here and has yet to be written to the ledger (`store.register`).
    """CREATE TABLE notes (
        position INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        kind TEXT NOT NULL,
        body TEXT NOT NULL,
        time TEXT NOT NULL
    ) STRICT""",
)

# Which people changed since a position that a reader has seen. The position stands in the person's
# own row, so that nothing of who is removed stays; `removed` says that somebody was.
_TOUCH = """UPDATE gallery_clock SET position = position + 1;
        UPDATE people SET changed = (SELECT position FROM gallery_clock) WHERE number ="""
_GALLERY_3 = (
    "ALTER TABLE templates ADD COLUMN origin TEXT NOT NULL DEFAULT 'enrolled' "
    "CHECK (origin IN ('enrolled', 'adaptive'))",
    # The id of the transform that all stored vectors went through; no row while there is none.
    """CREATE TABLE protection (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        id TEXT NOT NULL CHECK (length(id) = 16)
    ) STRICT""",
    "ALTER TABLE people ADD COLUMN changed INTEGER NOT NULL DEFAULT 0",
    "CREATE INDEX people_by_change ON people (changed)",
    """CREATE TABLE gallery_clock (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        position INTEGER NOT NULL,
        removed INTEGER NOT NULL
    ) STRICT""",
    "INSERT INTO gallery_clock VALUES (1, 0, 0)",
    f"""CREATE TRIGGER template_comes AFTER INSERT ON templates
        BEGIN {_TOUCH} NEW.person; END""",
    f"""CREATE TRIGGER template_goes AFTER DELETE ON templates
        BEGIN {_TOUCH} OLD.person; END""",
    f"""CREATE TRIGGER status_changes AFTER UPDATE OF status ON people
        BEGIN {_TOUCH} NEW.number; END""",
    """CREATE TRIGGER person_goes AFTER DELETE ON people
        BEGIN UPDATE gallery_clock SET position = position + 1, removed = position + 1; END""",
    # How well somebody's accepted presentations matched, a week (from its Monday) a row; sums of
    # cosines and of their squares, in millionths. It goes with the templates, and begins anew with
    # an enrolment.
    """CREATE TABLE genuine (
        person TEXT NOT NULL REFERENCES people (number) ON DELETE CASCADE,
        monday TEXT NOT NULL,
        count INTEGER NOT NULL CHECK (count > 0),
        total INTEGER NOT NULL,
        squares INTEGER NOT NULL,
        PRIMARY KEY (person, monday)
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE renewals (
        person TEXT PRIMARY KEY REFERENCES people (number) ON DELETE CASCADE,
        since_utc TEXT NOT NULL
    ) STRICT, WITHOUT ROWID""",
    """CREATE TRIGGER enrolment_renews AFTER INSERT ON templates WHEN NEW.origin = 'enrolled'
        BEGIN DELETE FROM genuine WHERE person = NEW.person;
        DELETE FROM renewals WHERE person = NEW.person; END""",
    """CREATE TRIGGER last_template_goes AFTER DELETE ON templates
        WHEN NOT EXISTS (SELECT 1 FROM templates WHERE person = OLD.person)
        BEGIN DELETE FROM genuine WHERE person = OLD.person;
        DELETE FROM renewals WHERE person = OLD.person; END""",
)

# What came of the newest command that changed this file: it is committed with the change, so that
# a crash before the ledger tells of it cannot make the command be carried out twice.
_GALLERY_4 = (
    """CREATE TABLE last_order (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        number INTEGER NOT NULL CHECK (number >= 1),
        outcome TEXT NOT NULL,
        detail TEXT NOT NULL
    ) STRICT""",
)

# Who had the former role "admin" may do all of what it became.
_ROLES_5 = (
    "ALTER TABLE roles RENAME TO former_roles",
    """CREATE TABLE roles (
        person TEXT NOT NULL REFERENCES people (number) ON DELETE CASCADE,
        role TEXT NOT NULL CHECK (role IN ('enroller', 'supervisor', 'technician', 'auditor')),
        PRIMARY KEY (person, role)
    ) STRICT, WITHOUT ROWID""",
    "INSERT INTO roles SELECT person, role FROM former_roles WHERE role <> 'admin'",
    """INSERT OR IGNORE INTO roles SELECT person, value FROM former_roles,
        json_each('["enroller", "supervisor", "technician", "auditor"]') WHERE role = 'admin'""",
    "DROP TABLE former_roles",
)

# Badges as keyed hashes (`key` is the id of the key), PINs as argon2id hashes. `attempts`: wrong
# PINs in a row of a person's number, of a number that nobody has (its keyed hash), or at the whole
# terminal (subject ''), and when the last one was, by a boot's monotonic clock.
_CREDENTIALS_5 = (
    """CREATE TABLE badges (
        hash BLOB PRIMARY KEY CHECK (length(hash) = 32),
        person TEXT NOT NULL REFERENCES people (number) ON DELETE CASCADE,
        key TEXT NOT NULL CHECK (length(key) = 16),
        added_utc TEXT NOT NULL
    ) STRICT, WITHOUT ROWID""",
    "CREATE INDEX badges_by_person ON badges (person)",
    """CREATE TABLE pins (
        person TEXT PRIMARY KEY REFERENCES people (number) ON DELETE CASCADE,
        hash TEXT NOT NULL,
        set_utc TEXT NOT NULL
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE attempts (
        kind TEXT NOT NULL CHECK (kind IN ('person', 'unknown', 'terminal')),
        subject TEXT NOT NULL,
        failures INTEGER NOT NULL CHECK (failures > 0),
        boot TEXT NOT NULL,
        monotonic_ns INTEGER NOT NULL,
        PRIMARY KEY (kind, subject)
    ) STRICT, WITHOUT ROWID""",
    """CREATE TRIGGER attempts_go AFTER DELETE ON people
        BEGIN DELETE FROM attempts WHERE kind = 'person' AND subject = OLD.number; END""",
    # Who has left has neither badge nor PIN, whatever program says that they left.
    """CREATE TRIGGER credentials_go AFTER UPDATE OF status ON people WHEN NEW.status = 'left'
        BEGIN DELETE FROM badges WHERE person = NEW.number;
        DELETE FROM pins WHERE person = NEW.number;
        DELETE FROM attempts WHERE kind = 'person' AND subject = NEW.number; END""",
    """CREATE TRIGGER badge_needs_somebody BEFORE INSERT ON badges
        WHEN (SELECT status FROM people WHERE number = NEW.person) IS 'left'
        BEGIN SELECT raise(ABORT, 'who has left gets no badge'); END""",
    """CREATE TRIGGER pin_needs_somebody BEFORE INSERT ON pins
        WHEN (SELECT status FROM people WHERE number = NEW.person) IS 'left'
        BEGIN SELECT raise(ABORT, 'who has left gets no PIN'); END""",
)
# Templates between the terminals of a site (`store.sharing`). A row of `sharing` may be of somebody
# who was never here: what comes late must find that it is over.
_SHARING_5 = (
    """CREATE TABLE sharing (
        person TEXT PRIMARY KEY,
        floor INTEGER NOT NULL CHECK (floor >= 0),
        held INTEGER NOT NULL DEFAULT 0 CHECK (held BETWEEN 0 AND floor),
        came INTEGER NOT NULL DEFAULT 0 CHECK (came = 0 OR came = 1 AND held > 0)
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE site_consents (
        person TEXT PRIMARY KEY REFERENCES people (number) ON DELETE CASCADE,
        text_version TEXT NOT NULL,
        text_digest TEXT NOT NULL,
        how TEXT NOT NULL,
        witness TEXT,
        given_utc TEXT NOT NULL
    ) STRICT, WITHOUT ROWID""",
    """CREATE TRIGGER enrolment_is_own AFTER INSERT ON templates WHEN NEW.origin = 'enrolled'
        BEGIN UPDATE sharing SET held = 0, came = 0 WHERE person = NEW.person; END""",
    """CREATE TRIGGER nothing_is_held AFTER DELETE ON templates
        WHEN NOT EXISTS (SELECT 1 FROM templates WHERE person = OLD.person)
        BEGIN UPDATE sharing SET held = 0, came = 0 WHERE person = OLD.person; END""",
    """CREATE TRIGGER sharing_goes AFTER DELETE ON people
        BEGIN DELETE FROM sharing WHERE person = OLD.number; END""",
    """CREATE TRIGGER site_consent_ends AFTER UPDATE OF live ON consents
        WHEN NEW.live = 0 AND NEW.ended_why <> 'renewed'
        BEGIN DELETE FROM site_consents WHERE person = NEW.person; END""",
)
_GALLERY_5 = (*_ROLES_5, *_CREDENTIALS_5, *_SHARING_5)

LEDGER = Schema(
    "ledger",
    0x4B4C4731,  # "KLG1"
    (_LEDGER_1, _LEDGER_2, _LEDGER_3, _LEDGER_4, _LEDGER_5),
    """SELECT coalesce((SELECT max(seq) FROM records), 0),
        coalesce((SELECT hex(hash) FROM records ORDER BY seq DESC LIMIT 1), '')
        WHERE NOT EXISTS (SELECT 1 FROM provisional)""",
)
GALLERY = Schema(
    "gallery",
    0x4B474131,  # "KGA1"
    (_GALLERY_1, _GALLERY_2, _GALLERY_3, _GALLERY_4, _GALLERY_5),
    "SELECT position, '' FROM gallery_clock",
)
