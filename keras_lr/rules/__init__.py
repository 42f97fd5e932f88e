"""Values as functions of feedback from the training step, such as the gradients."""
