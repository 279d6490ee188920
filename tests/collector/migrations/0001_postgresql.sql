CREATE TABLE area (
    id SERIAL NOT NULL,
    parent_id INTEGER,
    name VARCHAR(200) NOT NULL,
    CONSTRAINT pk_area PRIMARY KEY (id),
    CONSTRAINT uq_area_parent_id UNIQUE (parent_id, name),
    CONSTRAINT fk_area_parent_id FOREIGN KEY(parent_id) REFERENCES area (id)
);

CREATE TABLE registry_version (
    id SERIAL NOT NULL CONSTRAINT single CHECK (id = 1),
    version INTEGER NOT NULL,
    CONSTRAINT pk_registry_version PRIMARY KEY (id)
);

CREATE TABLE incident (
    id VARCHAR(32) NOT NULL,
    school VARCHAR(64),
    kind VARCHAR(32) NOT NULL,
    start_ms BIGINT NOT NULL,
    end_ms BIGINT,
    resolved_ms BIGINT,
    number INTEGER NOT NULL,
    live BOOLEAN NOT NULL,
    body TEXT NOT NULL,
    CONSTRAINT pk_incident PRIMARY KEY (id)
);

CREATE INDEX ix_incident_school ON incident (school);

CREATE INDEX ix_incident_live ON incident (live);

CREATE INDEX ix_incident_start ON incident (start_ms, id);

CREATE TABLE incident_school_state (
    school VARCHAR(64) NOT NULL,
    status VARCHAR(16) NOT NULL,
    body TEXT NOT NULL,
    CONSTRAINT pk_incident_school_state PRIMARY KEY (school)
);

CREATE TABLE incident_cursor (
    name VARCHAR(32) NOT NULL,
    position BIGINT NOT NULL,
    body TEXT NOT NULL,
    CONSTRAINT pk_incident_cursor PRIMARY KEY (name)
);

CREATE TABLE maintenance (
    id VARCHAR(32) NOT NULL,
    from_ms BIGINT NOT NULL,
    to_ms BIGINT NOT NULL,
    reason VARCHAR(200) NOT NULL,
    school VARCHAR(64),
    provider VARCHAR(64),
    area VARCHAR(400),
    CONSTRAINT pk_maintenance PRIMARY KEY (id)
);

CREATE INDEX ix_maintenance_to_ms ON maintenance (to_ms);

CREATE TABLE outbox (
    seq SERIAL NOT NULL,
    id VARCHAR(64) NOT NULL,
    incident VARCHAR(32) NOT NULL,
    number INTEGER NOT NULL,
    endpoint VARCHAR(64) NOT NULL,
    created_ms BIGINT NOT NULL,
    body TEXT NOT NULL,
    state VARCHAR(16) NOT NULL,
    attempts INTEGER NOT NULL,
    next_ms BIGINT NOT NULL,
    last_ms BIGINT,
    last_status INTEGER,
    last_error VARCHAR(200) NOT NULL,
    CONSTRAINT pk_outbox PRIMARY KEY (seq),
    CONSTRAINT uq_outbox_incident UNIQUE (incident, number, endpoint),
    CONSTRAINT uq_outbox_id UNIQUE (id)
);

CREATE INDEX ix_outbox_state ON outbox (state, endpoint, incident, seq);

CREATE TABLE endpoint_state (
    endpoint VARCHAR(64) NOT NULL,
    disabled_ms BIGINT,
    ok_ms BIGINT,
    failed_ms BIGINT,
    error VARCHAR(200) NOT NULL,
    CONSTRAINT pk_endpoint_state PRIMARY KEY (endpoint)
);

CREATE TABLE school (
    id VARCHAR(64) NOT NULL,
    name VARCHAR(200) NOT NULL,
    level VARCHAR(32) NOT NULL,
    area_id INTEGER,
    lat FLOAT,
    lon FLOAT,
    CONSTRAINT pk_school PRIMARY KEY (id),
    CONSTRAINT fk_school_area_id FOREIGN KEY(area_id) REFERENCES area (id)
);

CREATE TABLE incident_transition (
    incident VARCHAR(32) NOT NULL,
    number INTEGER NOT NULL,
    change VARCHAR(16) NOT NULL,
    at_ms BIGINT NOT NULL,
    pages BOOLEAN NOT NULL,
    body TEXT NOT NULL,
    evidence TEXT NOT NULL,
    CONSTRAINT pk_incident_transition PRIMARY KEY (incident, number),
    CONSTRAINT fk_incident_transition_incident FOREIGN KEY(incident) REFERENCES incident (id)
);

CREATE TABLE incident_note (
    id SERIAL NOT NULL,
    incident VARCHAR(32) NOT NULL,
    at_ms BIGINT NOT NULL,
    kind VARCHAR(16) NOT NULL,
    person VARCHAR(100) NOT NULL,
    text VARCHAR(2000) NOT NULL,
    CONSTRAINT pk_incident_note PRIMARY KEY (id),
    CONSTRAINT fk_incident_note_incident FOREIGN KEY(incident) REFERENCES incident (id)
);

CREATE INDEX ix_incident_note_incident ON incident_note (incident);

CREATE TABLE line (
    id SERIAL NOT NULL,
    school_id VARCHAR(64) NOT NULL,
    role VARCHAR(16) NOT NULL CONSTRAINT role CHECK (role IN ('primary', 'backup')),
    provider VARCHAR(64) NOT NULL,
    technology VARCHAR(32) NOT NULL,
    contracted_down_mbps FLOAT,
    contracted_up_mbps FLOAT,
    CONSTRAINT pk_line PRIMARY KEY (id),
    CONSTRAINT uq_line_school_id UNIQUE (school_id, role),
    CONSTRAINT fk_line_school_id FOREIGN KEY(school_id) REFERENCES school (id) ON DELETE CASCADE
);

CREATE INDEX ix_line_school_id ON line (school_id);

CREATE TABLE agent (
    id VARCHAR(64) NOT NULL,
    school_id VARCHAR(64) NOT NULL,
    CONSTRAINT pk_agent PRIMARY KEY (id),
    CONSTRAINT uq_agent_school_id UNIQUE (school_id),
    CONSTRAINT fk_agent_school_id FOREIGN KEY(school_id) REFERENCES school (id) ON DELETE CASCADE
);
