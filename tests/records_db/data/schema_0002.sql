SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE TABLE public.compiler (
    id integer NOT NULL,
    version text NOT NULL,
    git text NOT NULL,
    llvm text NOT NULL
);
CREATE SEQUENCE public.compiler_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.compiler_id_seq OWNED BY public.compiler.id;
CREATE TABLE public.device (
    id integer NOT NULL,
    fingerprint character varying(64) NOT NULL,
    model text NOT NULL,
    cores integer NOT NULL,
    facts json NOT NULL
);
CREATE SEQUENCE public.device_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.device_id_seq OWNED BY public.device.id;
CREATE TABLE public.origin (
    id integer NOT NULL,
    key character varying(64) NOT NULL,
    format character varying(32) NOT NULL,
    text text NOT NULL
);
CREATE SEQUENCE public.origin_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.origin_id_seq OWNED BY public.origin.id;
CREATE TABLE public.record (
    id integer NOT NULL,
    workload_id integer NOT NULL,
    target_id integer NOT NULL,
    device_id integer NOT NULL,
    session_id integer NOT NULL,
    trial integer NOT NULL,
    source character varying(32) NOT NULL,
    schedule text NOT NULL,
    schedule_key character varying(16) NOT NULL,
    decisions text NOT NULL,
    status character varying(32) NOT NULL,
    error text NOT NULL,
    run_secs json NOT NULL,
    cost double precision,
    statistic character varying(32) NOT NULL,
    stopped_early boolean NOT NULL,
    verdict boolean,
    tolerance double precision,
    max_error double precision,
    input_seed bigint,
    build_secs double precision NOT NULL,
    measure_secs double precision NOT NULL,
    facts json NOT NULL,
    created timestamp with time zone NOT NULL,
    origin_id integer
);
CREATE SEQUENCE public.record_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.record_id_seq OWNED BY public.record.id;
CREATE TABLE public.session (
    id integer NOT NULL,
    compiler_id integer NOT NULL,
    who text NOT NULL,
    started timestamp with time zone NOT NULL,
    ended timestamp with time zone,
    tuner text NOT NULL,
    seed bigint NOT NULL,
    options json NOT NULL,
    command_line text NOT NULL,
    status character varying(32) NOT NULL
);
CREATE SEQUENCE public.session_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.session_id_seq OWNED BY public.session.id;
CREATE TABLE public.target (
    id integer NOT NULL,
    text text NOT NULL
);
CREATE SEQUENCE public.target_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.target_id_seq OWNED BY public.target.id;
CREATE TABLE public.tilewright_schema (
    version_num character varying(32) NOT NULL
);
CREATE TABLE public.workload (
    id integer NOT NULL,
    key character varying(64) NOT NULL,
    canonical text NOT NULL,
    name text NOT NULL,
    dialect character varying(32) DEFAULT 'tilewright'::character varying NOT NULL
);
CREATE SEQUENCE public.workload_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.workload_id_seq OWNED BY public.workload.id;
ALTER TABLE ONLY public.compiler ALTER COLUMN id SET DEFAULT nextval('public.compiler_id_seq'::regclass);
ALTER TABLE ONLY public.device ALTER COLUMN id SET DEFAULT nextval('public.device_id_seq'::regclass);
ALTER TABLE ONLY public.origin ALTER COLUMN id SET DEFAULT nextval('public.origin_id_seq'::regclass);
ALTER TABLE ONLY public.record ALTER COLUMN id SET DEFAULT nextval('public.record_id_seq'::regclass);
ALTER TABLE ONLY public.session ALTER COLUMN id SET DEFAULT nextval('public.session_id_seq'::regclass);
ALTER TABLE ONLY public.target ALTER COLUMN id SET DEFAULT nextval('public.target_id_seq'::regclass);
ALTER TABLE ONLY public.workload ALTER COLUMN id SET DEFAULT nextval('public.workload_id_seq'::regclass);
INSERT INTO public.compiler VALUES (1, '0.1.0', '', '20.1.8');
INSERT INTO public.device VALUES (1, '0ece33ae49e52385ac01e05c7fd2c512bc226ac0c7207c46e649bfb3357102d4', 'Xeon', 2, '{"governor": "performance", "memory_gib": 24}');
INSERT INTO public.record VALUES (1, 1, 1, 1, 1, 0, 'measured', '{"format":1,"steps":[["split","relu.d1",[2]],["vectorize","relu.d1.1"]]}', 'e2560fa57cb6f574', '{"tile":2}', 'ok', '', '[0.002]', 0.002, 'min', false, true, 0.0001, 2e-07, 11, 0, 0, '{"spills": 3}', '2025-01-02 03:04:05+00', NULL);
INSERT INTO public.record VALUES (2, 1, 1, 1, 1, 0, 'measured', '{"format":1,"steps":[["split","relu.d1",[4]],["vectorize","relu.d1.1"]]}', 'a832123509f89441', '{"tile":4}', 'ok', '', '[0.001, 0.0011]', 0.001, 'min', false, true, 0.0001, 2e-07, 11, 0, 0, '{"spills": 3}', '2025-01-02 03:04:05+00', NULL);
INSERT INTO public.record VALUES (3, 1, 1, 1, 1, 0, 'measured', '{"format":1,"steps":[["split","relu.d1",[8]],["vectorize","relu.d1.1"]]}', 'f59c9b53290d2461', '{"tile":8}', 'crash', 'signal 11', '[]', NULL, 'min', false, NULL, NULL, NULL, NULL, 0, 0, '{}', '2025-01-02 03:04:05+00', NULL);
INSERT INTO public.session VALUES (1, 1, 'ada@engine', '2026-11-23 04:03:02.184016+00', '2026-11-23 04:03:02.256194+00', 'random', 7, '{"trials": 3}', '', 'finished');
INSERT INTO public.target VALUES (1, 'llvm -mcpu=skylake-avx512 -num-cores=2');
INSERT INTO public.tilewright_schema VALUES ('0002');
INSERT INTO public.workload VALUES (1, '4dac661b7737dd30328bbf2b4a26b6465ceeab70c01c9913f541d9d6e0d8f77d', '{"anchor":0,"arguments":[[[1,8],"float32",false]],"format":1,"ops":[{"attributes":{},"inputs":[["arg",0]],"op":"relu"}]}', 'relu', 'tilewright');
SELECT pg_catalog.setval('public.compiler_id_seq', 1, true);
SELECT pg_catalog.setval('public.device_id_seq', 1, true);
SELECT pg_catalog.setval('public.origin_id_seq', 1, false);
SELECT pg_catalog.setval('public.record_id_seq', 3, true);
SELECT pg_catalog.setval('public.session_id_seq', 1, true);
SELECT pg_catalog.setval('public.target_id_seq', 1, true);
SELECT pg_catalog.setval('public.workload_id_seq', 1, true);
ALTER TABLE ONLY public.compiler
    ADD CONSTRAINT pk_compiler PRIMARY KEY (id);
ALTER TABLE ONLY public.device
    ADD CONSTRAINT pk_device PRIMARY KEY (id);
ALTER TABLE ONLY public.origin
    ADD CONSTRAINT pk_origin PRIMARY KEY (id);
ALTER TABLE ONLY public.record
    ADD CONSTRAINT pk_record PRIMARY KEY (id);
ALTER TABLE ONLY public.session
    ADD CONSTRAINT pk_session PRIMARY KEY (id);
ALTER TABLE ONLY public.target
    ADD CONSTRAINT pk_target PRIMARY KEY (id);
ALTER TABLE ONLY public.workload
    ADD CONSTRAINT pk_workload PRIMARY KEY (id);
ALTER TABLE ONLY public.tilewright_schema
    ADD CONSTRAINT tilewright_schema_pkc PRIMARY KEY (version_num);
ALTER TABLE ONLY public.compiler
    ADD CONSTRAINT uq_compiler_version UNIQUE (version, git, llvm);
ALTER TABLE ONLY public.device
    ADD CONSTRAINT uq_device_fingerprint UNIQUE (fingerprint);
ALTER TABLE ONLY public.origin
    ADD CONSTRAINT uq_origin_key UNIQUE (key);
ALTER TABLE ONLY public.target
    ADD CONSTRAINT uq_target_text UNIQUE (text);
ALTER TABLE ONLY public.workload
    ADD CONSTRAINT uq_workload_key UNIQUE (key);
CREATE INDEX ix_device_model ON public.device USING btree (model);
CREATE INDEX ix_record_best ON public.record USING btree (workload_id, target_id, device_id, cost) WHERE ((status)::text = 'ok'::text);
CREATE INDEX ix_record_origin ON public.record USING btree (workload_id, origin_id) WHERE (origin_id IS NOT NULL);
CREATE INDEX ix_record_session ON public.record USING btree (session_id, status, source);
CREATE INDEX ix_record_task ON public.record USING btree (workload_id, target_id, device_id);
CREATE INDEX ix_record_verdict ON public.record USING btree (workload_id, target_id, device_id, schedule_key) WHERE (verdict IS NOT NULL);
ALTER TABLE ONLY public.record
    ADD CONSTRAINT fk_record_device_id_device FOREIGN KEY (device_id) REFERENCES public.device(id);
ALTER TABLE ONLY public.record
    ADD CONSTRAINT fk_record_origin_id_origin FOREIGN KEY (origin_id) REFERENCES public.origin(id);
ALTER TABLE ONLY public.record
    ADD CONSTRAINT fk_record_session_id_session FOREIGN KEY (session_id) REFERENCES public.session(id);
ALTER TABLE ONLY public.record
    ADD CONSTRAINT fk_record_target_id_target FOREIGN KEY (target_id) REFERENCES public.target(id);
ALTER TABLE ONLY public.record
    ADD CONSTRAINT fk_record_workload_id_workload FOREIGN KEY (workload_id) REFERENCES public.workload(id);
ALTER TABLE ONLY public.session
    ADD CONSTRAINT fk_session_compiler_id_compiler FOREIGN KEY (compiler_id) REFERENCES public.compiler(id);
