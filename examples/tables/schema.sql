-- What a shop has on PostgreSQL: customers, products, and orders that insist on both.
CREATE SCHEMA sales;

CREATE TABLE sales.customers (
  customer_no integer PRIMARY KEY,
  name text NOT NULL
);

CREATE TABLE sales.products (
  sku varchar(20) PRIMARY KEY,
  name text NOT NULL
);

CREATE TABLE sales.orders (
  order_no varchar(20) PRIMARY KEY,
  customer_no integer NOT NULL CONSTRAINT orders_customer REFERENCES sales.customers,
  sku varchar(20) NOT NULL CONSTRAINT orders_product REFERENCES sales.products,
  quantity integer NOT NULL CONSTRAINT orders_quantity CHECK (quantity > 0),
  amount numeric(10,2) NOT NULL,
  city text,
  note text NOT NULL DEFAULT 'none',
  changed_at timestamptz NOT NULL,
  batch uuid NOT NULL,
  CONSTRAINT orders_amount CHECK (amount BETWEEN 0 AND quantity * 10000)
);

-- A customer or product that is deleted looks for its orders.
CREATE INDEX orders_by_customer ON sales.orders (customer_no);
CREATE INDEX orders_by_product ON sales.orders (sku);

INSERT INTO sales.customers VALUES (1, 'Miller'), (2, 'Groß');
INSERT INTO sales.products VALUES ('MUG-0350', 'A mug'), ('TEE-0100', 'Tea, 100 g');
INSERT INTO sales.orders VALUES
  ('SO-1', 1, 'MUG-0350', 1, 12.90, 'Porto', 'a gift', '2026-11-01T09:00:00Z', gen_random_uuid()),
  ('SO-2', 2, 'TEE-0100', 4, 23.60, 'Berlin', 'none', '2026-11-28T09:00:00Z', gen_random_uuid());
