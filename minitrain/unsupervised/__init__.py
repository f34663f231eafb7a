"""What can be found in points without labels: groups (kmeans, dbscan) and flat maps (pca, tsne, umap), each from its formula."""
