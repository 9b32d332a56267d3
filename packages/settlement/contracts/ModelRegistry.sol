// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC2981} from "@openzeppelin/contracts/token/common/ERC2981.sol";
import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {Clones} from "@openzeppelin/contracts/proxy/Clones.sol";
import {ModelShares} from "./ModelShares.sol";
import {RoyaltyVault} from "./RoyaltyVault.sol";

/// @title Whose a final model is
/// @notice One token per run and model; nothing is ever overwritten. Those who trained it hold shares, to which the
/// royalties of later sales go.
contract ModelRegistry is ERC721, ERC2981 {
    struct Model {
        /// The job that it comes from.
        bytes32 job;
        bytes32 run;
        /// Digest of the model's bytes (SHA-256), as its CID has it.
        bytes32 model;
        /// Digest of the proof that its ledger entry is final.
        bytes32 proof;
        /// Hash of the task document.
        bytes32 task;
        /// Where its card, with the licence, is.
        string uri;
    }

    /// Of a sale, in 1/10,000, for those who trained the model.
    uint96 public immutable royalty;
    /// Whoever may register models: the escrow of jobs.
    address public immutable registrar;
    ModelShares public immutable shares;
    RoyaltyVault private immutable _vault;

    mapping(uint256 token => Model) private _models;

    event Registered(uint256 indexed token, bytes32 indexed run, bytes32 indexed model, address owner);

    error NotRegistrar(address caller);
    error MalformedModel();
    error BadRoyalty();

    constructor(address registrar_, uint96 royalty_) ERC721("Tempered model", "TMODEL") {
        if (royalty_ > 10_000) revert BadRoyalty();
        registrar = registrar_;
        royalty = royalty_;
        shares = new ModelShares(address(this));
        _vault = new RoyaltyVault();
    }

    /// @notice Registers a model for its first owner. Reverts if there is one of this job, run and digest.
    function registerFor(
        address owner,
        Model calldata model,
        address[] calldata contributors,
        uint256[] calldata weights
    ) external returns (uint256 token) {
        if (msg.sender != registrar) revert NotRegistrar(msg.sender);
        if (model.job == 0 || model.run == 0 || model.model == 0) revert MalformedModel();
        token = tokenOf(model.job, model.run, model.model);
        _models[token] = model;
        // Not the safe one: an owner that cannot receive must not keep a job from being settled.
        _mint(owner, token);
        shares.issue(token, contributors, weights);
        address vault = Clones.cloneDeterministic(address(_vault), bytes32(token));
        RoyaltyVault(payable(vault)).bind(shares, token);
        _setTokenRoyalty(token, vault, royalty);
        emit Registered(token, model.run, model.model, owner);
    }

    /// @dev With the job in it nobody can register the model of another job first.
    function tokenOf(bytes32 job, bytes32 run, bytes32 model) public pure returns (uint256) {
        return uint256(keccak256(abi.encode(job, run, model)));
    }

    function modelOf(uint256 token) external view returns (Model memory) {
        _requireOwned(token);
        return _models[token];
    }

    function tokenURI(uint256 token) public view override returns (string memory) {
        _requireOwned(token);
        return _models[token].uri;
    }

    function supportsInterface(bytes4 id) public view override(ERC721, ERC2981) returns (bool) {
        return super.supportsInterface(id);
    }
}
