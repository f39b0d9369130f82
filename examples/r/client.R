# A client: asks the model that server.R serves what three images show, without showing them to anybody.
#
#     Rscript examples/r/client.R [PORT PORT PORT]     (4000 4001 4002 if not given)

ports <- commandArgs(trailingOnly = TRUE)
if (length(ports) == 0) ports <- c("4000", "4001", "4002")

# R has set this for its own libraries; Python is to find those that it was built with.
Sys.unsetenv("LD_LIBRARY_PATH")
library(reticulate)
sy <- import("trine.syft", convert = FALSE)
data <- import("trine.demo.data", convert = FALSE)
py <- import_builtins(convert = FALSE)

julia <- sy$TFEWorker(host = paste0("localhost:", ports[1]), auto_managed = TRUE)
greg <- sy$TFEWorker(host = paste0("localhost:", ports[2]), auto_managed = TRUE)
me <- sy$TFEWorker(host = paste0("localhost:", ports[3]), auto_managed = TRUE)
cluster <- sy$TFECluster(julia, greg, me) # the server has started it

client <- sy$TFEClient()
input_shape <- tuple(1L, 28L, 28L, 1L)
output_shape <- tuple(1L, 10L)
# Waits up to so many seconds for the server, if it is not there yet.
invisible(client$connect_to_model(input_shape, output_shape, cluster, wait = 60))

# Images and answers stay NumPy arrays: reticulate 1.28 cannot turn those of NumPy 2 into R's.
digits <- data$load_digits()
for (i in 0:2) {
  image <- digits[0][py$slice(i, i + 1L)]
  logits <- client$query_model(image)
  cat("actual ", py_str(digits[1][i]), ", predicted ", py_str(logits$argmax()), "\n", sep = "")
}
invisible(client$close())
