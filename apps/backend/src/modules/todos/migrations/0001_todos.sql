CREATE SCHEMA todos;

-- No index on content: nothing looks for it, and one would refuse contents over 2,700 bytes.
CREATE TABLE todos.todo (
  id int4 PRIMARY KEY CHECK (id > 0),
  content text NOT NULL
);

-- First ids of blocks of a hundred. Its type is wider than the ids', so that running out is seen and said by ids.ts.
CREATE SEQUENCE todos.todo_id_block AS int8 INCREMENT BY 100;
