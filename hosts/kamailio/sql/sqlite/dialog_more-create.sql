-- What the tables of the stock module cannot hold: see docs/database.md.
CREATE TABLE dialog_more (
    id INTEGER PRIMARY KEY NOT NULL,
    hash_entry INTEGER NOT NULL,
    hash_id INTEGER NOT NULL,
    callid VARCHAR(255) NOT NULL,
    node VARCHAR(64) NOT NULL,
    state INTEGER NOT NULL,
    image TEXT
);

CREATE INDEX dialog_more_hash_idx ON dialog_more (hash_entry, hash_id);
CREATE INDEX dialog_more_node_idx ON dialog_more (node);

INSERT INTO version (table_name, table_version) VALUES ('dialog_more', 1);
