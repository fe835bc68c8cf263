/**
 * The objects that every database has in addition to the user's tables: SQL Server's functions, casts and operators that
 * differ from PostgreSQL's. With `mssql` first in the search path, `mssql.sum(int)` gives an int, `'a' + 'b'` is `'ab'`, and so on.
 * PostgreSQL infers the types of expressions.
 *
 * A SQL Server error is raised as SQLSTATE `MSSQL` with its number in front of the message.
 */
export const PRELUDE = `
CREATE SCHEMA dbo;
CREATE SCHEMA mssql;
-- SQL_Latin1_General_CP1_CI_AS: case-insensitive, accent-sensitive.
CREATE COLLATION mssql.ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE mssql.default_constraints (name text, schema text, "table" text, "column" text);

CREATE FUNCTION mssql.fail(number int, message text) RETURNS void LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION USING ERRCODE = 'MSSQL', MESSAGE = number || ' ' || message; END $$;

-- Lengths count UTF-16 units, as in NVARCHAR.
CREATE FUNCTION mssql.units(value text) RETURNS int LANGUAGE sql IMMUTABLE STRICT AS
$$ SELECT length(value) + length(regexp_replace(value, '[^\\U00010000-\\U0010FFFF]', '', 'g')) $$;

CREATE FUNCTION mssql.truncated(place_table text, place_column text, value text) RETURNS text LANGUAGE plpgsql AS
$$ BEGIN PERFORM mssql.fail(2628, format('String or binary data would be truncated in table ''%s'', column ''%s''. Truncated value: ''%s''.', place_table, place_column, value)); RETURN NULL; END $$;

CREATE FUNCTION mssql.fit_nvarchar(value text, size int, t text, c text) RETURNS text LANGUAGE sql AS
$$ SELECT CASE WHEN value IS NULL OR size < 0 OR length(value) * 2 <= size OR mssql.units(value) <= size THEN value
   WHEN mssql.units(rtrim(value)) <= size THEN left(value, size) ELSE mssql.truncated(t, c, left(value, size)) END $$;

-- VARCHAR holds code page 1252; other characters become question marks.
CREATE FUNCTION mssql.latin(value text) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS
$$ SELECT CASE WHEN octet_length(value) = length(value) THEN value
   ELSE regexp_replace(regexp_replace(value, '[\\U00010000-\\U0010FFFF]', '??', 'g'), '[^\\u0001-\\u00ff€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ?]', '?', 'g') END $$;
CREATE FUNCTION mssql.fit_varchar(value text, size int, t text, c text) RETURNS text LANGUAGE sql AS
$$ SELECT mssql.fit_nvarchar(mssql.latin(value), size, t, c) $$;
CREATE FUNCTION mssql.to_varchar(value text, size int) RETURNS text LANGUAGE sql IMMUTABLE AS
$$ SELECT CASE WHEN size < 0 THEN mssql.latin(value) ELSE left(mssql.latin(value), size) END $$;

CREATE FUNCTION mssql.fit_binary(value bytea, size int, pad boolean, t text, c text) RETURNS bytea LANGUAGE sql AS
$$ SELECT CASE WHEN octet_length(value) > size THEN mssql.truncated(t, c, '')::bytea
   WHEN pad THEN value || decode(repeat('00', size - octet_length(value)), 'hex') ELSE value END $$;

CREATE FUNCTION mssql.to_tinyint(value numeric) RETURNS smallint LANGUAGE plpgsql IMMUTABLE AS
$$ BEGIN IF value < 0 OR value >= 256 THEN PERFORM mssql.fail(220, format('Arithmetic overflow error for data type tinyint, value = %s.', trunc(value))); END IF; RETURN trunc(value)::smallint; END $$;

-- DATETIME counts in 300ths of a second, SMALLDATETIME in minutes.
CREATE FUNCTION mssql.within(value timestamp, lowest timestamp, highest timestamp, type text) RETURNS timestamp LANGUAGE plpgsql IMMUTABLE AS
$$ BEGIN IF value < lowest OR value >= highest THEN PERFORM mssql.fail(242, format('The conversion of a nvarchar data type to a %s data type resulted in an out-of-range value.', type)); END IF; RETURN value; END $$;
CREATE FUNCTION mssql.to_datetime(given timestamp) RETURNS timestamp LANGUAGE sql IMMUTABLE AS
$$ SELECT date_trunc('second', value) + round(round(extract(microseconds FROM value)::numeric % 1000000 * 300 / 1000000) * 1000 / 300)::int * interval '1 millisecond'
   FROM (SELECT mssql.within(given, '1753-01-01', '9999-12-31 23:59:59.999', 'datetime') AS value) $$;
CREATE FUNCTION mssql.to_smalldatetime(given timestamp) RETURNS timestamp LANGUAGE sql IMMUTABLE AS
$$ SELECT date_trunc('minute', mssql.within(given, '1900-01-01', '2079-06-06 23:59:29.999', 'smalldatetime') + interval '30.001 seconds') $$;
CREATE FUNCTION mssql.to_money(value numeric, size int) RETURNS numeric LANGUAGE plpgsql IMMUTABLE AS
$$ DECLARE highest numeric := CASE size WHEN 4 THEN 214748.3647 ELSE 922337203685477.5807 END; BEGIN
  IF round(value, 4) > highest OR round(value, 4) < -highest - 0.0001 THEN PERFORM mssql.fail(8115, 'Arithmetic overflow error converting expression to data type ' || CASE size WHEN 4 THEN 'smallmoney.' ELSE 'money.' END); END IF; RETURN round(value, 4); END $$;
CREATE FUNCTION mssql.datediff(unit text, a timestamp, b timestamp) RETURNS int LANGUAGE sql IMMUTABLE AS
$$ SELECT CASE unit WHEN 'year' THEN extract(year FROM b) - extract(year FROM a)
   WHEN 'month' THEN (extract(year FROM b) - extract(year FROM a)) * 12 + extract(month FROM b) - extract(month FROM a)
   WHEN 'day' THEN b::date - a::date
   ELSE extract(epoch FROM date_trunc(unit, b) - date_trunc(unit, a)) / extract(epoch FROM ('1 ' || unit)::interval) END::int $$;

CREATE FUNCTION mssql.like_pattern(pattern text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS
$$ BEGIN IF strpos(pattern, '[') > 0 THEN PERFORM mssql.fail(50001, 'The local engine does not support sets ([…]) in LIKE.'); END IF; RETURN pattern; END $$;

CREATE FUNCTION mssql.to_text(value text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT value $$;
CREATE FUNCTION mssql.to_text(value int) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT value::text $$;
CREATE FUNCTION mssql.to_text(value bigint) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT value::text $$;
CREATE FUNCTION mssql.to_text(value numeric) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT value::text $$;
CREATE FUNCTION mssql.to_text(value boolean) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT value::int::text $$;
CREATE FUNCTION mssql.to_text(value uuid) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT upper(value::text) $$;
CREATE FUNCTION mssql.to_text(value date) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT value::text $$;
CREATE FUNCTION mssql.to_bit(value numeric) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$ SELECT value <> 0 $$;
CREATE FUNCTION mssql.to_bit(value int) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$ SELECT value <> 0 $$;
CREATE FUNCTION mssql.to_bit(value boolean) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$ SELECT value $$;
CREATE FUNCTION mssql.to_bit(value text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$ SELECT CASE lower(value) WHEN 'true' THEN true WHEN 'false' THEN false ELSE value::int <> 0 END $$;
CREATE FUNCTION mssql.to_integer(value numeric) RETURNS numeric LANGUAGE sql IMMUTABLE AS $$ SELECT trunc(value) $$;
CREATE FUNCTION mssql.to_integer(value bigint) RETURNS numeric LANGUAGE sql IMMUTABLE AS $$ SELECT value::numeric $$;
CREATE FUNCTION mssql.to_integer(value int) RETURNS numeric LANGUAGE sql IMMUTABLE AS $$ SELECT value::numeric $$;
CREATE FUNCTION mssql.to_integer(value float8) RETURNS numeric LANGUAGE sql IMMUTABLE AS $$ SELECT trunc(value::numeric) $$;
CREATE FUNCTION mssql.to_integer(value boolean) RETURNS numeric LANGUAGE sql IMMUTABLE AS $$ SELECT value::int::numeric $$;
CREATE FUNCTION mssql.to_integer(value text) RETURNS numeric LANGUAGE plpgsql IMMUTABLE AS
$$ BEGIN IF value !~ '^\\s*[-+]?\\d+\\s*$' THEN PERFORM mssql.fail(245, format('Conversion failed when converting the varchar value ''%s'' to data type int.', value)); END IF; RETURN value::numeric; END $$;
CREATE FUNCTION mssql.datalength(value text) RETURNS int LANGUAGE sql IMMUTABLE AS $$ SELECT mssql.units(value) * 2 $$;
CREATE FUNCTION mssql.datalength(value bytea) RETURNS int LANGUAGE sql IMMUTABLE AS $$ SELECT octet_length(value) $$;

CREATE FUNCTION mssql.bare(name text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT replace(replace(name, '[', ''), ']', '') $$;
CREATE FUNCTION mssql.object_id(name text) RETURNS int LANGUAGE sql STABLE AS
$$ SELECT c.oid::int FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE lower(CASE WHEN strpos(name, '.') > 0 THEN n.nspname || '.' || c.relname ELSE c.relname END) = lower(mssql.bare(name)) COLLATE "C"
   AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'mssql') AND c.relkind = 'r' LIMIT 1 $$;
CREATE FUNCTION mssql.schema_id(name text) RETURNS int LANGUAGE sql STABLE AS $$ SELECT oid::int FROM pg_namespace WHERE lower(nspname) = lower(mssql.bare(name)) $$;
CREATE FUNCTION mssql.db_id(name text) RETURNS smallint LANGUAGE sql STABLE AS $$ SELECT (row_number() OVER ())::smallint FROM pg_database WHERE lower(datname) = lower(mssql.bare(name)) $$;
-- The only login is dbo, the owner of the database. It has every known permission on every existing object.
CREATE FUNCTION mssql.serverproperty(name text) RETURNS text LANGUAGE plpgsql STABLE AS
$$ BEGIN CASE lower(name) WHEN 'productversion' THEN RETURN '16.0.1000.0'; WHEN 'edition' THEN RETURN 'Local engine on PostgreSQL';
  ELSE PERFORM mssql.fail(50001, format('The local engine does not support SERVERPROPERTY(''%s'').', name)); END CASE; RETURN NULL; END $$;
CREATE FUNCTION mssql.is_rolemember(role text) RETURNS int LANGUAGE sql STABLE AS
$$ SELECT CASE WHEN lower(role) IN ('db_owner', 'public') THEN 1 WHEN lower(role) IN ('db_datareader', 'db_datawriter', 'db_ddladmin', 'db_accessadmin', 'db_securityadmin', 'db_backupoperator', 'db_denydatareader', 'db_denydatawriter') THEN 0 END $$;
CREATE FUNCTION mssql.has_perms_by_name(securable text, class text, permission text) RETURNS int LANGUAGE plpgsql STABLE AS
$$ BEGIN
  IF lower(class) NOT IN ('database', 'schema') THEN PERFORM mssql.fail(50001, format('The local engine does not support HAS_PERMS_BY_NAME of the class %s.', class)); END IF;
  IF lower(permission) NOT IN ('any', 'control', 'alter', 'select', 'insert', 'update', 'delete', 'references', 'execute', 'view definition')
    AND NOT (lower(class) = 'database' AND lower(permission) IN ('connect', 'create table', 'create schema', 'create view')) THEN RETURN NULL; END IF;
  RETURN (CASE lower(class) WHEN 'database' THEN lower(mssql.bare(securable)) = lower(current_database()) ELSE mssql.schema_id(securable) IS NOT NULL END)::int; END $$;
CREATE FUNCTION mssql.drop_constraint(s text, t text, c text) RETURNS void LANGUAGE plpgsql AS
$$ DECLARE col text; BEGIN
  DELETE FROM mssql.default_constraints d WHERE d.schema = s AND d."table" = t AND lower(d.name) = lower(c) RETURNING d."column" INTO col;
  IF col IS NOT NULL THEN EXECUTE format('ALTER TABLE %I.%I ALTER COLUMN %I DROP DEFAULT', s, t, col);
  ELSE EXECUTE format('ALTER TABLE %I.%I DROP CONSTRAINT %I', s, t, c); END IF; END $$;

-- INFORMATION_SCHEMA for the user's tables, and sys.databases. Without column defaults: PostgreSQL's text is not T-SQL.
CREATE SCHEMA "INFORMATION_SCHEMA";
CREATE FUNCTION mssql.column_property(id int, name text, property text) RETURNS int LANGUAGE sql STABLE AS
$$ SELECT CASE lower(property) WHEN 'isidentity' THEN (attidentity <> '')::int WHEN 'allowsnull' THEN (NOT attnotnull)::int END
   FROM pg_attribute WHERE attrelid = id::oid AND lower(attname) = lower(name) COLLATE "C" AND attnum > 0 $$;
CREATE VIEW mssql.tables AS
SELECT c.oid, current_database()::text COLLATE mssql.ci AS "TABLE_CATALOG", n.nspname::text COLLATE mssql.ci AS "TABLE_SCHEMA",
  c.relname::text COLLATE mssql.ci AS "TABLE_NAME", 'BASE TABLE' COLLATE mssql.ci AS "TABLE_TYPE"
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'mssql');
CREATE VIEW "INFORMATION_SCHEMA"."TABLES" AS SELECT "TABLE_CATALOG", "TABLE_SCHEMA", "TABLE_NAME", "TABLE_TYPE" FROM mssql.tables;
CREATE VIEW "INFORMATION_SCHEMA"."COLUMNS" AS
SELECT "TABLE_CATALOG", "TABLE_SCHEMA", "TABLE_NAME", attname::text COLLATE mssql.ci AS "COLUMN_NAME",
  attnum::int AS "ORDINAL_POSITION", CASE WHEN attnotnull THEN 'NO' ELSE 'YES' END COLLATE mssql.ci AS "IS_NULLABLE",
  name COLLATE mssql.ci AS "DATA_TYPE",
  CASE WHEN args = '(max)' OR name = 'xml' THEN -1 WHEN name ~ 'char|binary' THEN first
    WHEN name = 'ntext' THEN 1073741823 WHEN name IN ('text', 'image') THEN 2147483647 END AS "CHARACTER_MAXIMUM_LENGTH",
  CASE WHEN name IN ('decimal', 'numeric') THEN first
    ELSE ('{"tinyint":3,"smallint":5,"int":10,"bigint":19,"smallmoney":10,"money":19,"real":24,"float":53}'::json->>name)::int END AS "NUMERIC_PRECISION",
  CASE WHEN name IN ('decimal', 'numeric') THEN substring(args FROM ',(\\d+)')::int WHEN name ~ 'int$' THEN 0 WHEN name ~ 'money' THEN 4 END AS "NUMERIC_SCALE",
  CASE WHEN name IN ('time', 'datetime2', 'datetimeoffset') THEN first WHEN name = 'datetime' THEN 3
    WHEN name IN ('date', 'smalldatetime') THEN 0 END::smallint AS "DATETIME_PRECISION"
FROM mssql.tables JOIN pg_attribute ON attrelid = oid AND attnum > 0 AND NOT attisdropped,
  LATERAL (SELECT coalesce(col_description(oid, attnum), 'nvarchar(max)') AS type) AS commented,
  LATERAL (SELECT split_part(type, '(', 1) AS name, substring(type FROM '\\(.*') AS args, substring(type FROM '\\((\\d+)')::int AS first) AS parts;
CREATE SCHEMA sys;
CREATE VIEW sys.databases AS SELECT datname::text COLLATE mssql.ci AS name, oid::int AS database_id FROM pg_database
WHERE NOT datistemplate AND datname NOT IN ('postgres', 'local_engine_template');
CREATE VIEW mssql.constraints AS
SELECT k.conrelid, k.conkey, "TABLE_CATALOG" AS "CONSTRAINT_CATALOG", "TABLE_SCHEMA" AS "CONSTRAINT_SCHEMA",
  k.conname::text COLLATE mssql.ci AS "CONSTRAINT_NAME", "TABLE_CATALOG", "TABLE_SCHEMA", "TABLE_NAME",
  ('{"p":"PRIMARY KEY","u":"UNIQUE","f":"FOREIGN KEY","c":"CHECK"}'::json->>k.contype::text) COLLATE mssql.ci AS "CONSTRAINT_TYPE"
FROM mssql.tables JOIN pg_constraint k ON k.conrelid = mssql.tables.oid AND k.contype IN ('p', 'u', 'f', 'c');
CREATE VIEW "INFORMATION_SCHEMA"."TABLE_CONSTRAINTS" AS
SELECT "CONSTRAINT_CATALOG", "CONSTRAINT_SCHEMA", "CONSTRAINT_NAME", "TABLE_CATALOG", "TABLE_SCHEMA", "TABLE_NAME", "CONSTRAINT_TYPE" FROM mssql.constraints;
CREATE VIEW "INFORMATION_SCHEMA"."KEY_COLUMN_USAGE" AS
SELECT "CONSTRAINT_CATALOG", "CONSTRAINT_SCHEMA", "CONSTRAINT_NAME", "TABLE_CATALOG", "TABLE_SCHEMA", "TABLE_NAME",
  attname::text COLLATE mssql.ci AS "COLUMN_NAME", place::int AS "ORDINAL_POSITION"
FROM mssql.constraints, unnest(conkey) WITH ORDINALITY AS keys (number, place), pg_attribute
WHERE attrelid = conrelid AND attnum = number AND "CONSTRAINT_TYPE" <> 'CHECK';

CREATE FUNCTION mssql.int_sum_final(value bigint) RETURNS int LANGUAGE sql IMMUTABLE AS $$ SELECT value::int $$;
CREATE FUNCTION mssql.bigint_sum(state numeric, value bigint) RETURNS numeric LANGUAGE sql IMMUTABLE AS $$ SELECT coalesce(state + value, state, value) $$;
CREATE FUNCTION mssql.bigint_sum_final(value numeric) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$ SELECT value::bigint $$;
CREATE FUNCTION mssql.int_sum(state bigint, value int) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$ SELECT coalesce(state + value, state, value) $$;
CREATE AGGREGATE mssql.sum(int) (SFUNC = mssql.int_sum, STYPE = bigint, FINALFUNC = mssql.int_sum_final);
CREATE AGGREGATE mssql.sum(bigint) (SFUNC = mssql.bigint_sum, STYPE = numeric, FINALFUNC = mssql.bigint_sum_final);
CREATE FUNCTION mssql.numeric_sum(state numeric, value numeric) RETURNS numeric LANGUAGE sql IMMUTABLE AS $$ SELECT coalesce(state + value, state, value) $$;
CREATE AGGREGATE mssql.sum(numeric) (SFUNC = mssql.numeric_sum, STYPE = numeric);
CREATE FUNCTION mssql.float_sum(state float8, value float8) RETURNS float8 LANGUAGE sql IMMUTABLE AS $$ SELECT coalesce(state + value, state, value) $$;
CREATE AGGREGATE mssql.sum(float8) (SFUNC = mssql.float_sum, STYPE = float8);

CREATE TYPE mssql.average AS (total numeric, count bigint);
CREATE FUNCTION mssql.average_add(state mssql.average, value numeric) RETURNS mssql.average LANGUAGE sql IMMUTABLE AS
$$ SELECT CASE WHEN value IS NULL THEN state ELSE (coalesce((state).total, 0) + value, coalesce((state).count, 0) + 1)::mssql.average END $$;
CREATE FUNCTION mssql.average_add(state mssql.average, value int) RETURNS mssql.average LANGUAGE sql IMMUTABLE AS $$ SELECT mssql.average_add(state, value::numeric) $$;
CREATE FUNCTION mssql.average_add(state mssql.average, value bigint) RETURNS mssql.average LANGUAGE sql IMMUTABLE AS $$ SELECT mssql.average_add(state, value::numeric) $$;
CREATE FUNCTION mssql.average_int(state mssql.average) RETURNS int LANGUAGE sql IMMUTABLE AS $$ SELECT trunc((state).total / (state).count)::int $$;
CREATE FUNCTION mssql.average_bigint(state mssql.average) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$ SELECT trunc((state).total / (state).count)::bigint $$;
CREATE FUNCTION mssql.average_numeric(state mssql.average) RETURNS numeric LANGUAGE sql IMMUTABLE AS $$ SELECT trunc((state).total::numeric / (state).count, 16) $$;
CREATE AGGREGATE mssql.avg(int) (SFUNC = mssql.average_add, STYPE = mssql.average, FINALFUNC = mssql.average_int);
CREATE AGGREGATE mssql.avg(bigint) (SFUNC = mssql.average_add, STYPE = mssql.average, FINALFUNC = mssql.average_bigint);
CREATE AGGREGATE mssql.avg(numeric) (SFUNC = mssql.average_add, STYPE = mssql.average, FINALFUNC = mssql.average_numeric);
CREATE FUNCTION mssql.float_avg(state float8[], value float8) RETURNS float8[] LANGUAGE sql IMMUTABLE AS
$$ SELECT CASE WHEN value IS NULL THEN state ELSE ARRAY[coalesce(state[1], 0) + value, coalesce(state[2], 0) + 1] END $$;
CREATE FUNCTION mssql.float_avg_final(state float8[]) RETURNS float8 LANGUAGE sql IMMUTABLE AS $$ SELECT state[1] / state[2] $$;
CREATE AGGREGATE mssql.avg(float8) (SFUNC = mssql.float_avg, STYPE = float8[], FINALFUNC = mssql.float_avg_final);

CREATE FUNCTION mssql.plus(a text, b text) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT a || b $$;
CREATE OPERATOR mssql.+ (LEFTARG = text, RIGHTARG = text, FUNCTION = mssql.plus);
CREATE FUNCTION mssql.equals(a boolean, b int) RETURNS boolean LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT a = (b <> 0) $$;
CREATE FUNCTION mssql.differs(a boolean, b int) RETURNS boolean LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT a <> (b <> 0) $$;
CREATE OPERATOR mssql.= (LEFTARG = boolean, RIGHTARG = int, FUNCTION = mssql.equals);
CREATE OPERATOR mssql.<> (LEFTARG = boolean, RIGHTARG = int, FUNCTION = mssql.differs);
CREATE FUNCTION mssql.equals(a uuid, b text) RETURNS boolean LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT a = b::uuid $$;
CREATE FUNCTION mssql.equals(a text, b uuid) RETURNS boolean LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT a::uuid = b $$;
CREATE OPERATOR mssql.= (LEFTARG = uuid, RIGHTARG = text, FUNCTION = mssql.equals);
CREATE OPERATOR mssql.= (LEFTARG = text, RIGHTARG = uuid, FUNCTION = mssql.equals);
CREATE CAST (text AS uuid) WITH INOUT AS ASSIGNMENT;
CREATE CAST (text AS int) WITH INOUT AS ASSIGNMENT;
CREATE CAST (text AS bigint) WITH INOUT AS ASSIGNMENT;
CREATE CAST (text AS numeric) WITH INOUT AS ASSIGNMENT;
CREATE CAST (text AS timestamp) WITH INOUT AS ASSIGNMENT;
CREATE CAST (text AS timestamptz) WITH INOUT AS ASSIGNMENT;
CREATE CAST (text AS date) WITH INOUT AS ASSIGNMENT;
UPDATE pg_cast SET castcontext = 'a' WHERE castsource = 'int4'::regtype AND casttarget = 'bool'::regtype;
`
