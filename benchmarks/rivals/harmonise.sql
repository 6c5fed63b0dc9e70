-- SPDX-FileCopyrightText: 2026 The rwe-engine authors
-- SPDX-License-Identifier: Apache-2.0
-- The same tables of the common model from the same landing files, in SQL: same look-ups, same rules on rows and people.
-- {landing}, {maps} and {out} are folders; ids of events are whatever hash is at hand, because nobody compares them.
-- `shapes` holds the tables of the common model without a row, so that each is written with all its columns.
CREATE TEMP TABLE concepts AS FROM '{maps}/concepts.parquet';
CREATE TEMP TABLE lines AS FROM '{maps}/lines.parquet';
CREATE TEMP TABLE units AS FROM '{maps}/units.parquet';
CREATE TEMP MACRO place(stream) AS '{landing}/' || stream || '/part-*.parquet';
CREATE TEMP MACRO event_id(stream, key) AS (hash(stream || key) >> 4)::BIGINT;

CREATE TEMP TABLE patients AS
SELECT *, ('0x' || substr(coalesce(national_token, person_token), 1, 15))::BIGINT AS person_id FROM read_parquet(place('patient'));
CREATE TEMP TABLE tokens AS
SELECT person_token, min(person_id) AS person_id, count(DISTINCT person_id) AS people FROM patients GROUP BY ALL;
CREATE TEMP TABLE persons AS
SELECT person_id, min(_key) AS _key, any_value(birth_year)::BIGINT AS year_of_birth, any_value(sex) AS sex
FROM patients
WHERE person_id NOT IN (SELECT p.person_id FROM patients p JOIN tokens USING (person_token) WHERE people > 1)
GROUP BY person_id HAVING count(DISTINCT (birth_year, sex)) = 1;
CREATE TEMP TABLE known AS
SELECT person_token, t.person_id FROM tokens t JOIN persons USING (person_id);

-- A row that says nothing new is merged into the first by key; so a row is its content and the least of its keys.
CREATE TEMP TABLE stays AS
SELECT person_id, admitted, "left", kind, min(_key) AS _key, min(_commit) AS _commit
FROM read_parquet(place('stay')) JOIN known USING (person_token) GROUP BY ALL;
CREATE TEMP TABLE diagnoses AS
SELECT person_id, day, code, min(_key) AS _key, min(_commit) AS _commit
FROM read_parquet(place('diagnosis')) JOIN known USING (person_token) GROUP BY ALL;
CREATE TEMP TABLE doses AS
SELECT person_id, day, code, min(_key) AS _key, min(_commit) AS _commit
FROM read_parquet(place('medicine')) JOIN known USING (person_token) GROUP BY ALL;
CREATE TEMP TABLE results AS
SELECT person_id, day, test, value, unit, min(_key) AS _key, min(_commit) AS _commit
FROM read_parquet(place('result')) JOIN known USING (person_token) GROUP BY ALL;

-- Life and death: who is set aside, which death stands, how long each person was seen.
CREATE TEMP TABLE spans AS
SELECT person_id, min(first) AS first, max(last) AS last FROM (
    SELECT person_id, min(admitted) AS first, max(admitted) AS last FROM stays GROUP BY ALL
    UNION ALL SELECT person_id, min(day), max(day) FROM diagnoses GROUP BY ALL
    UNION ALL SELECT person_id, min(day), max(day) FROM doses GROUP BY ALL
    UNION ALL SELECT person_id, min(day), max(day) FROM results GROUP BY ALL
) GROUP BY ALL;
CREATE TEMP TABLE deaths AS
SELECT d.* FROM (
    SELECT person_id, arg_min(died, _key) AS died, min(_key) AS _key
    FROM patients JOIN persons USING (person_id, _key) WHERE died IS NOT NULL GROUP BY person_id
) d LEFT JOIN spans s USING (person_id) WHERE s.last IS NULL OR s.last <= d.died + 60;
CREATE TEMP TABLE aside AS
SELECT person_id FROM spans JOIN persons USING (person_id) WHERE year(first) < year_of_birth
UNION SELECT person_id FROM deaths JOIN spans USING (person_id) WHERE died < first;

COPY (
    FROM shapes.person UNION ALL BY NAME
    SELECT person_id, coalesce(concept, 0) AS gender_concept_id, year_of_birth, 0 AS race_concept_id,
        0 AS ethnicity_concept_id, sex AS gender_source_value, 'patient/person/' || _key AS _key, _key AS _source_key,
        'patient' AS _source, person_id % 64 AS bucket
    FROM persons LEFT JOIN concepts ON vocabulary = 'sex' AND code = sex ANTI JOIN aside USING (person_id)
) TO '{out}/person' (FORMAT parquet, COMPRESSION uncompressed, PARTITION_BY (bucket));
COPY (
    FROM shapes.death UNION ALL BY NAME
    SELECT person_id, died AS death_date, 'patient/death/' || _key AS _key, _key AS _source_key, 'patient' AS _source, person_id % 64 AS bucket
    FROM deaths ANTI JOIN aside USING (person_id)
) TO '{out}/death' (FORMAT parquet, COMPRESSION uncompressed, PARTITION_BY (bucket));
COPY (
    FROM shapes.observation_period UNION ALL BY NAME
    SELECT person_id, least(first, died) AS observation_period_start_date, coalesce(died, last) AS observation_period_end_date,
        32817 AS period_type_concept_id, 'patient/period/' || p._key AS _key, p._key AS _source_key, 'patient' AS _source, person_id % 64 AS bucket
    FROM persons p LEFT JOIN spans USING (person_id) LEFT JOIN deaths d USING (person_id) ANTI JOIN aside USING (person_id)
    WHERE coalesce(first, died) IS NOT NULL
) TO '{out}/observation_period' (FORMAT parquet, COMPRESSION uncompressed, PARTITION_BY (bucket));
COPY (
    FROM shapes.visit_occurrence UNION ALL BY NAME
    SELECT event_id('stay', _key) AS visit_occurrence_id, person_id, coalesce(concept, 0) AS visit_concept_id,
        admitted AS visit_start_date, "left" AS visit_end_date, 32817 AS visit_type_concept_id, kind AS visit_source_value,
        'stay/stay/' || _key AS _key, 'stay' AS _source, _key AS _source_key, _commit AS _source_commit, person_id % 64 AS bucket
    FROM stays LEFT JOIN concepts ON vocabulary = 'kind' AND code = kind AND admitted BETWEEN valid_from AND valid_to
        ANTI JOIN aside USING (person_id)
) TO '{out}/visit_occurrence' (FORMAT parquet, COMPRESSION uncompressed, PARTITION_BY (bucket));
CREATE TEMP TABLE spelled AS
SELECT code, replace(replace(upper(translate(code, 'СЕК', 'CEK')), '.', ''), ' ', '') AS own FROM (SELECT DISTINCT code FROM diagnoses);
COPY (
    FROM shapes.condition_occurrence UNION ALL BY NAME
    SELECT event_id('diagnosis', _key) AS condition_occurrence_id, person_id, coalesce(c.concept, p.concept, 0) AS condition_concept_id,
        day AS condition_start_date, 32817 AS condition_type_concept_id, d.code AS condition_source_value,
        'diagnosis/disease/' || _key AS _key, 'diagnosis' AS _source, _key AS _source_key, _commit AS _source_commit,
        person_id % 64 AS bucket
    FROM diagnoses d JOIN spelled s ON s.code = d.code
        LEFT JOIN concepts c ON c.vocabulary = 'icd10' AND c.code = own AND day BETWEEN c.valid_from AND c.valid_to
        LEFT JOIN concepts p ON p.vocabulary = 'icd10' AND p.code = left(own, 3) AND day BETWEEN p.valid_from AND p.valid_to
        ANTI JOIN aside USING (person_id)
) TO '{out}/condition_occurrence' (FORMAT parquet, COMPRESSION uncompressed, PARTITION_BY (bucket));
COPY (
    FROM shapes.drug_exposure UNION ALL BY NAME
    SELECT event_id('medicine', _key) AS drug_exposure_id, person_id, coalesce(concept, 0) AS drug_concept_id,
        day AS drug_exposure_start_date, day AS drug_exposure_end_date, 32817 AS drug_type_concept_id, d.code AS drug_source_value,
        'medicine/dose/' || _key AS _key, 'medicine' AS _source, _key AS _source_key, _commit AS _source_commit,
        person_id % 64 AS bucket
    FROM doses d LEFT JOIN concepts c ON vocabulary = 'atc' AND c.code = d.code AND day BETWEEN valid_from AND valid_to
        ANTI JOIN aside USING (person_id)
) TO '{out}/drug_exposure' (FORMAT parquet, COMPRESSION uncompressed, PARTITION_BY (bucket));
-- Each different text is read once, each pair of concept and unit has one line.
CREATE TEMP TABLE texts AS
SELECT value, try_cast(replace(nullif(regexp_extract(value, '^(?:<=|>=|<|>|=)?\s*([+-]?[0-9]+(?:[.,][0-9]+)?)$', 1), ''), ',', '.') AS DOUBLE) AS number,
    CASE nullif(regexp_extract(value, '^(<=|>=|<|>)', 1), '') WHEN '<' THEN 4171756 WHEN '<=' THEN 4171754 WHEN '>=' THEN 4171755 WHEN '>' THEN 4172704 END AS operator
FROM (SELECT DISTINCT value FROM results);
CREATE TEMP TABLE words AS
SELECT value, coalesce(concept, 0) AS word FROM texts LEFT JOIN concepts ON vocabulary = 'word' AND code = value WHERE number IS NULL;
CREATE TEMP TABLE written AS
SELECT unit, coalesce(c.concept, u.concept, 0) AS unit_id FROM (SELECT DISTINCT unit FROM results)
    LEFT JOIN concepts c ON vocabulary = 'unit' AND c.code = unit LEFT JOIN units u ON u.code = unit;
CREATE TEMP TABLE tests AS
SELECT test, coalesce(concept, 0) AS test_id FROM (SELECT DISTINCT test FROM results)
    LEFT JOIN concepts ON vocabulary = 'laboratory' AND code = replace(upper(test), ' ', '');
COPY (
    FROM shapes.measurement UNION ALL BY NAME
    SELECT event_id('result', _key) AS measurement_id, person_id, test_id AS measurement_concept_id, day AS measurement_date,
        32817 AS measurement_type_concept_id, CASE WHEN moved BETWEEN low AND high THEN operator END AS operator_concept_id,
        CASE WHEN moved BETWEEN low AND high THEN moved END AS value_as_number, word AS value_as_concept_id,
        CASE WHEN number IS NOT NULL AND factor IS NOT NULL THEN "into" ELSE unit_id END AS unit_concept_id,
        test AS measurement_source_value, unit AS unit_source_value, value AS value_source_value,
        'result/result/' || _key AS _key, 'result' AS _source, _key AS _source_key, _commit AS _source_commit,
        person_id % 64 AS bucket
    FROM (
        SELECT r.*, test_id, unit_id, number, operator, word, factor, "into", low, high,
            CASE WHEN lost THEN NULL WHEN factor IS NULL THEN number
                WHEN number = 0 THEN "offset" ELSE number * factor + "offset" END AS moved
        FROM results r JOIN tests USING (test) JOIN written USING (unit) JOIN texts USING (value)
            LEFT JOIN words USING (value) JOIN lines ON lines.test = test_id AND lines.unit = unit_id
    ) ANTI JOIN aside USING (person_id)
) TO '{out}/measurement' (FORMAT parquet, COMPRESSION uncompressed, PARTITION_BY (bucket));
