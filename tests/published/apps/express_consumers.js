// An application that tells OpenTelemetry who calls, with the lines of docs/clients/opentelemetry-node.md.
const express = require("express");
const { context } = require("@opentelemetry/api");
const { getRPCMetadata } = require("@opentelemetry/core");

const app = express();
app.use((request, response, next) => {
  const name = request.headers["x-consumer"];
  if (name) getRPCMetadata(context.active())?.span.setAttribute("user.id", name);
  next();
});
app.get("/items/:id", (request, response) => response.json({ id: request.params.id }));
app.post("/items", express.json(), (request, response) => response.status(201).json(request.body));
app.get("/boom", () => {
  throw new TypeError("boom happened");
});

app.listen({ fd: Number(process.argv[2]) });
process.on("SIGTERM", () => setTimeout(() => process.exit(), 1000));
