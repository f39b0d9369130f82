# A model's owner: shares a Keras model among three workers of this machine and lets clients query it three times.
#
#     Rscript examples/r/server.R [PORT PORT PORT]     (4000 4001 4002 if not given)

ports <- commandArgs(trailingOnly = TRUE)
if (length(ports) == 0) ports <- c("4000", "4001", "4002")

Sys.setenv(KERAS_BACKEND = Sys.getenv("KERAS_BACKEND", "torch"))
# R has set this for its own libraries; the workers' Python is to find those that it was built with.
Sys.unsetenv("LD_LIBRARY_PATH")
library(reticulate)
sy <- import("trine.syft")
keras <- import("keras", convert = FALSE)
data <- import("trine.demo.data", convert = FALSE)

# The trained network. One of your own: model <- keras$saving$load_model("model.keras")
layers <- keras$layers
model <- keras$Sequential(list(
  keras$Input(tuple(28L, 28L, 1L)),
  layers$Conv2D(16L, 3L), layers$AveragePooling2D(2L), layers$ReLU(),
  layers$Conv2D(32L, 3L), layers$AveragePooling2D(2L), layers$ReLU(),
  layers$Conv2D(64L, 3L), layers$AveragePooling2D(2L), layers$ReLU(),
  layers$Flatten(),
  layers$Dense(10L)
))
weights <- list()
for (layer in iterate(data$load_seed_cnn()$layers)) {
  for (array in iterate(layer$arrays$values())) weights <- c(weights, list(array))
}
invisible(model$set_weights(weights))

# Keras models can now be shared, served and stopped.
hook <- sy$KerasHook(keras)

julia <- sy$TFEWorker(host = paste0("localhost:", ports[1]), auto_managed = TRUE)
greg <- sy$TFEWorker(host = paste0("localhost:", ports[2]), auto_managed = TRUE)
me <- sy$TFEWorker(host = paste0("localhost:", ports[3]), auto_managed = TRUE)
cluster <- sy$TFECluster(julia, greg, me)
invisible(cluster$start()) # invisible: what Python returns here is None, and R would print it

invisible(model$share(cluster))
cat("serving three requests\n")
invisible(model$serve(num_requests = 3L))
invisible(model$stop())
invisible(cluster$stop())
cat("stopped\n")
